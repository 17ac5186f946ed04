//! What the statements of a group mean for the group.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::Result;
use tidegate_mysql::binlog::{Event, Query};
use tidegate_mysql::ddl::{Classified, Control, classify};

use super::content::Content;
use super::open::Open;
use super::prepared::XaStep;
use super::{Assembler, Closed};
use crate::mysql::logged::{logged_ddl, statement_text};

impl Assembler {
    pub(super) fn query(&mut self, query: &Query, event: &Event, packet: Bytes) -> Result<Option<Closed>> {
        let text = statement_text(query, &self.collations);
        let schema = String::from_utf8_lossy(&query.schema);
        let mut classified = classify(&text, &schema, query.status.ansi_quotes());
        classified.fold_names(self.names);
        let Some(open) = &mut self.open else {
            // Servers without GTID events begin a group by BEGIN; a lone statement is a group of its own.
            self.open = Some(Open::default());
            return self.query(query, event, packet);
        };
        let alone = open.standalone || !open.begun;
        match classified {
            Classified::Control(control) => return self.control(control, event),
            Classified::Ddl(_) if open.without_effect => {}
            Classified::Ddl(ddl) => {
                // MySQL says so when rows and an end follow. MariaDB's group is not standalone then, so it has begun.
                let stays_open = ddl.start_transaction_at.is_some() && !open.standalone;
                open.begun |= stays_open;
                open.ddl = Some(Arc::new(logged_ddl(
                    ddl,
                    &text,
                    query,
                    &self.collations,
                    event.header.timestamp,
                )));
                if !alone || stays_open {
                    return Ok(None);
                }
            }
            Classified::Dml(_) => {
                open.content.push(packet);
                if !open.standalone {
                    open.begun = true;
                    return Ok(None);
                }
            }
            Classified::Temporary | Classified::Ignored(_) if !alone => return Ok(None),
            Classified::Temporary | Classified::Ignored(_) => {}
            Classified::Other(words) => {
                tracing::warn!(statement = %words, file = %self.place.file(), "statement of an unknown kind is not replicated");
                if !alone {
                    return Ok(None);
                }
            }
        }
        self.close(event).map(Some)
    }

    fn control(&mut self, control: Control, event: &Event) -> Result<Option<Closed>> {
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        match control {
            Control::Begin | Control::XaStart(_) => open.begun = true,
            Control::Savepoint(name) => {
                let count = open.content.count();
                open.savepoints.push((name, count));
            }
            Control::RollbackTo(name) => {
                let at = open
                    .savepoints
                    .iter()
                    .rposition(|(savepoint, _)| savepoint.eq_ignore_ascii_case(&name));
                if let Some(at) = at {
                    let count = open.savepoints.get(at).map_or(0, |(_, count)| *count);
                    open.savepoints.truncate(at + 1);
                    open.content.truncate(count);
                }
            }
            Control::Rollback => {
                open.content = Content::default();
                return self.close(event).map(Some);
            }
            Control::Commit => return self.close(event).map(Some),
            Control::XaCommit { xid, .. } => {
                open.xa = Some(XaStep::Commit(xid.to_string()));
                return self.close(event).map(Some);
            }
            Control::XaRollback(xid) => {
                open.xa = Some(XaStep::Rollback(xid.to_string()));
                return self.close(event).map(Some);
            }
            Control::Release(_) | Control::XaEnd(_) | Control::XaPrepare(_) => {}
        }
        Ok(None)
    }
}
