//! A group that has begun and not ended.

use std::sync::Arc;

use tidegate_mysql::GroupId;
use tidegate_mysql::binlog::{AlterPhase, MariaDbGtid, MySqlGtid};

use super::content::Content;
use super::prepared::XaStep;
use crate::mysql::group::{LoggedDdl, Obstacle};

/// A group that has begun.
#[derive(Default)]
pub(super) struct Open {
    pub(super) id: Option<GroupId>,
    /// One event makes the group.
    pub(super) standalone: bool,
    /// BEGIN was seen, or the flavour has none.
    pub(super) begun: bool,
    /// Its statement has not happened: it begins a two-phase ALTER TABLE, or tells that one has failed.
    pub(super) without_effect: bool,
    /// From the GTID event, where it has one.
    pub(super) commit_ms: Option<u64>,
    pub(super) content: Content,
    pub(super) savepoints: Vec<(String, usize)>,
    pub(super) ddl: Option<Arc<LoggedDdl>>,
    pub(super) obstacle: Option<Obstacle>,
    pub(super) xa: Option<XaStep>,
}

impl Open {
    pub(super) fn mariadb(gtid: &MariaDbGtid) -> Self {
        Open {
            id: Some(gtid.id()),
            standalone: gtid.is_standalone(),
            begun: !gtid.is_standalone(),
            without_effect: matches!(gtid.alter, AlterPhase::Start | AlterPhase::Rollback),
            ..Open::default()
        }
    }

    pub(super) fn mysql(gtid: &MySqlGtid) -> Self {
        let commit_us = match gtid.original_commit_us {
            0 => gtid.immediate_commit_us,
            original => original,
        };
        Open {
            id: gtid.id.clone(),
            commit_ms: (commit_us != 0).then_some(commit_us / 1000),
            ..Open::default()
        }
    }
}
