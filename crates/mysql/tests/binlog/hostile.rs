//! Damaged events are errors: never a panic, never more memory than the bytes justify.

use bytes::Bytes;
use proptest::prelude::*;

use super::decode::{Decoder, packets};
use super::{fixtures, handmade};
use tidegate_mysql::binlog::{EventHeader, HEADER_BYTES};

const CHECKSUM_BYTES: usize = 4;

/// Events of every fixture, each with those before it that it needs: the FDE and its TABLE_MAP.
fn corpus() -> Vec<Vec<Bytes>> {
    let mut files: Vec<Vec<Bytes>> = fixtures::all().iter().map(|(_, file, _)| packets(file)).collect();
    files.extend(handmade::streams());
    files
}

/// `packet` with a body changed by `change`, and size and checksum made right again, so that the parser behind the
/// checksum is reached.
fn rebuilt(packet: &Bytes, checksum: bool, change: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut header = EventHeader::parse(packet).unwrap();
    let footer = if checksum { CHECKSUM_BYTES } else { 0 };
    let mut body = packet[HEADER_BYTES..packet.len() - footer].to_vec();
    change(&mut body);
    header.size = (HEADER_BYTES + body.len() + footer) as u32;
    let mut event = [&header.to_bytes()[..], &body].concat();
    if checksum {
        event.extend(header.checksum(&body).to_le_bytes());
    }
    event.into()
}

/// Reads the first event of a stream and those around `at`, of which that one was changed; errors are what is
/// wanted, panics are not.
fn survive(stream: &[Bytes], at: usize, changed: &Bytes) {
    let mut decoder = Decoder::new();
    for (i, packet) in stream.iter().enumerate() {
        if i > 0 && i.abs_diff(at) > 2 {
            continue;
        }
        let packet = if i == at { changed } else { packet };
        if let Ok(Some(block)) = decoder.event(packet) {
            for row in block.rows() {
                for image in [row.before(), row.after()].into_iter().flatten() {
                    image.iter().for_each(|datum| drop(datum.text_lossy()));
                }
            }
            assert!(
                block.memory_bytes() <= 64 * 1024 + 400 * packet.len().max(block.source_bytes()),
                "{} bytes out of {}",
                block.memory_bytes(),
                packet.len()
            );
        }
    }
}

#[test]
fn events_cut_off_anywhere() {
    for stream in corpus() {
        for (at, packet) in stream.iter().enumerate() {
            let body = packet.len() - HEADER_BYTES - CHECKSUM_BYTES;
            // Every length of small events; of large ones the first part, where the structure is, and the end.
            for len in (0..body).filter(|len| *len < 400 || body - len < 40) {
                survive(&stream, at, &rebuilt(packet, true, |body| body.truncate(len)));
                if len % 16 == 0 {
                    survive(&stream, at, &packet.slice(..len));
                }
            }
        }
    }
}

#[test]
fn a_flipped_bit_is_found_by_the_checksum() {
    for stream in corpus() {
        for packet in stream.iter().skip(1) {
            let mut decoder = Decoder::new();
            decoder.event(&stream[0]).unwrap();
            let mut bytes = packet.to_vec();
            let at = bytes.len() / 2;
            bytes[at] ^= 0x10;
            assert!(decoder.event(&bytes.into()).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn bytes_changed_at_random(
        file in any::<prop::sample::Index>(),
        event in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let corpus = corpus_once();
        let stream = &corpus[file.index(corpus.len())];
        let at = event.index(stream.len());
        let changed = rebuilt(&stream[at], true, |body| {
            for (place, value) in changes {
                if !body.is_empty() {
                    let place = place.index(body.len());
                    body[place] = value;
                }
            }
        });
        survive(stream, at, &changed);
    }
}

fn corpus_once() -> &'static [Vec<Bytes>] {
    static CORPUS: std::sync::LazyLock<Vec<Vec<Bytes>>> = std::sync::LazyLock::new(corpus);
    &CORPUS
}

#[test]
fn every_byte_of_small_events_takes_every_bit() {
    for stream in corpus_once() {
        for (at, packet) in stream.iter().enumerate() {
            let body = packet.len() - HEADER_BYTES - CHECKSUM_BYTES;
            for place in (0..body).filter(|place| *place < 160) {
                for flip in [0x01, 0x80, 0xff] {
                    survive(stream, at, &rebuilt(packet, true, |body| body[place] ^= flip));
                }
            }
        }
    }
}
