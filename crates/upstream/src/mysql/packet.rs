//! What can be told about a packet without reading it.

use std::ops::Range;

use bytes::Bytes;
use tidegate_mysql::EVENT_SHARED_BYTES_MAX;
use tidegate_mysql::binlog::event_type;

/// Where the type stands in an event header.
const TYPE_OFFSET: usize = 4;
/// Where a row event has its table number.
const TABLE_ID: Range<usize> = 19..25;

/// Whether it holds rows.
pub(crate) fn is_rows(packet: &Bytes) -> bool {
    packet.get(TYPE_OFFSET).is_some_and(|&kind| {
        matches!(
            kind,
            event_type::WRITE_ROWS_V1..=event_type::DELETE_ROWS_V1
                | event_type::WRITE_ROWS..=event_type::DELETE_ROWS
                | event_type::PARTIAL_UPDATE_ROWS
                | event_type::WRITE_ROWS_COMPRESSED_V1..=event_type::DELETE_ROWS_COMPRESSED
        )
    })
}

/// The number of the table whose rows it holds, if it does.
pub(crate) fn rows_table(packet: &Bytes) -> Option<u64> {
    let number = packet.get(TABLE_ID).and_then(|bytes| bytes.first_chunk::<6>());
    let &[a, b, c, d, e, f] = number.filter(|_| is_rows(packet))?;
    Some(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

/// The packet on its own: small ones share their allocation. Rows keep the packet they are in, and the memory quota counts
/// the packet: what they keep alive must not be more than that.
pub(crate) fn detached(packet: &Bytes) -> Bytes {
    if is_rows(packet) && packet.len() <= EVENT_SHARED_BYTES_MAX {
        Bytes::copy_from_slice(packet)
    } else {
        packet.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8) -> Bytes {
        let mut bytes = vec![7; 40];
        bytes[TYPE_OFFSET] = kind;
        bytes[TABLE_ID].copy_from_slice(&[1, 2, 0, 0, 0, 0]);
        Bytes::from(bytes)
    }

    #[test]
    fn rows_are_known_by_their_type_and_table() {
        assert_eq!(rows_table(&packet(event_type::WRITE_ROWS)), Some(0x201));
        assert_eq!(rows_table(&packet(event_type::QUERY)), None);
        assert_eq!(rows_table(&packet(event_type::WRITE_ROWS).slice(..22)), None);
    }

    /// One small row of a table that few people write kept 256 KiB of everybody's log, uncounted.
    #[test]
    fn rows_do_not_keep_their_neighbours_alive() {
        let chunk = Bytes::from([&packet(event_type::UPDATE_ROWS)[..], &[0; 1000]].concat());
        let shared = chunk.slice(..40);
        let own = detached(&shared);
        assert_eq!(own, shared);
        drop(shared);
        assert!(chunk.is_unique(), "the copy refers to bytes of its own");
        let large = Bytes::from(vec![event_type::WRITE_ROWS; EVENT_SHARED_BYTES_MAX + 1]);
        assert_eq!(
            detached(&large).as_ptr(),
            large.as_ptr(),
            "a large packet is alone already"
        );
    }
}
