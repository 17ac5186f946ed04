//! Dates and times of every format.

use tidegate_model::{Date, DateTime, Time, Timestamp};

use super::read::{Fault, Parse, Reader};

/// DATE: day 5, month 4, year 15 bits. Zero and partly zero dates are legal.
pub(crate) fn date(reader: &mut Reader<'_>) -> Parse<Date> {
    let packed = reader.u24()?;
    Ok(Date {
        year: (packed >> 9) as u16,
        month: (packed >> 5 & 15) as u8,
        day: (packed & 31) as u8,
    })
}

/// Fraction in `bytes` big-endian bytes, two digits each.
fn fraction(packed: u64, bytes: u8) -> Parse<u32> {
    let unit = [1_000_000, 10_000, 100, 1].get(usize::from(bytes));
    let micros = unit.and_then(|unit| u32::try_from(packed).ok()?.checked_mul(*unit));
    match micros {
        Some(micros @ 0..=999_999) => Ok(micros),
        _ => Err(Fault::Invalid("a fraction is a second or more")),
    }
}

fn read_fraction(reader: &mut Reader<'_>, bytes: u8) -> Parse<u32> {
    if bytes == 0 {
        return Ok(0);
    }
    fraction(reader.uint_be(bytes.into())?, bytes)
}

/// DATETIME since 5.6: sign 1, year * 13 + month 17, day 5, hour 5, minute 6, second 6 bits, then the fraction.
#[inline]
pub(crate) fn datetime2(reader: &mut Reader<'_>, fraction_bytes: u8) -> Parse<DateTime> {
    let [a, b, c, d, e] = reader.array()?;
    let packed = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    let packed = packed
        .checked_sub(1 << 39)
        .ok_or(Fault::Invalid("a DATETIME is negative"))?;
    let year_month = (packed >> 22) as u32;
    Ok(DateTime {
        year: (year_month / 13) as u16,
        month: (year_month % 13) as u8,
        day: (packed >> 17 & 31) as u8,
        hour: (packed >> 12 & 31) as u8,
        minute: (packed >> 6 & 63) as u8,
        second: (packed & 63) as u8,
        micros: read_fraction(reader, fraction_bytes)?,
    })
}

/// TIMESTAMP since 5.6: unsigned big-endian seconds (MariaDB goes beyond 2038), then the fraction.
pub(crate) fn timestamp2(reader: &mut Reader<'_>, fraction_bytes: u8) -> Parse<Timestamp> {
    Ok(Timestamp {
        seconds: u32::from_be_bytes(reader.array()?),
        micros: read_fraction(reader, fraction_bytes)?,
    })
}

/// TIME since 5.6: three bytes of hour 10, minute 6, second 6 bits and the fraction behind them are one number,
/// from which the offset of zero is taken. Only so do negative times with a fraction come out right.
pub(crate) fn time2(reader: &mut Reader<'_>, fraction_bytes: u8) -> Parse<Time> {
    let shift = 8 * u32::from(fraction_bytes);
    let packed = reader.uint_be(3 + usize::from(fraction_bytes))? as i64 - (0x80_0000 << shift);
    let size = packed.unsigned_abs();
    let (whole, part) = (size >> shift, size & ((1 << shift) - 1));
    let micros = signed_micros(
        whole >> 12,
        whole >> 6 & 63,
        whole & 63,
        fraction(part, fraction_bytes)?,
    );
    Ok(Time {
        micros: if packed < 0 { -micros } else { micros },
    })
}

/// The operands are a few bits wide each, so nothing overflows.
fn signed_micros(hours: u64, minutes: u64, seconds: u64, micros: u32) -> i64 {
    ((hours * 3600 + minutes * 60 + seconds) * 1_000_000 + u64::from(micros)) as i64
}

/// TIME before 5.6: three bytes, signed, decimal hhmmss.
pub(crate) fn old_time(reader: &mut Reader<'_>) -> Parse<Time> {
    let number = sign_extend_24(reader.u24()?);
    let size = u64::from(number.unsigned_abs());
    let micros = signed_micros(size / 10_000, size / 100 % 100, size % 100, 0);
    Ok(Time {
        micros: if number < 0 { -micros } else { micros },
    })
}

/// DATETIME before 5.6: eight bytes, decimal YYYYMMDDhhmmss.
pub(crate) fn old_datetime(reader: &mut Reader<'_>) -> Parse<DateTime> {
    let number = reader.u64()?;
    let year =
        u16::try_from(number / 10_000_000_000).map_err(|_| Fault::Invalid("a DATETIME has no year"))?;
    let two = |unit: u64| (number / unit % 100) as u8;
    let (month, day, hour) = (two(100_000_000), two(1_000_000), two(10_000));
    let (minute, second) = (two(100), two(1));
    if month > 12 || day > 31 || hour > 23 || minute > 59 || second > 59 {
        return Err(Fault::Invalid("a DATETIME has impossible digits"));
    }
    Ok(DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
        micros: 0,
    })
}

/// TIMESTAMP before 5.6: little-endian seconds.
pub(crate) fn old_timestamp(reader: &mut Reader<'_>) -> Parse<Timestamp> {
    Ok(Timestamp {
        seconds: reader.u32()?,
        micros: 0,
    })
}

/// Three bytes as a signed number.
#[inline]
pub(crate) fn sign_extend_24(number: u32) -> i32 {
    (number << 8) as i32 >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(bytes: &[u8], fraction_bytes: u8) -> i64 {
        time2(&mut Reader::new(bytes), fraction_bytes).unwrap().micros
    }

    #[test]
    fn negative_times_with_a_fraction_are_one_number() {
        assert_eq!(time(&[0x80, 0, 0], 0), 0);
        assert_eq!(time(&[0x7f, 0xff, 0xff], 0), -1_000_000);
        assert_eq!(time(&[0x7f, 0xff, 0xff, 0xf6], 1), -100_000);
        assert_eq!(time(&[0x7f, 0xff, 0xfe, 0xf6], 1), -1_100_000);
        assert_eq!(time(&[0x80, 0, 1, 0x0a], 1), 1_100_000);
        assert_eq!(time(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff], 3), -1);
    }

    #[test]
    fn fields_of_the_old_formats() {
        let old = |number: u64| old_datetime(&mut Reader::new(&number.to_le_bytes()));
        let expect = DateTime {
            year: 2024,
            month: 2,
            day: 29,
            hour: 23,
            minute: 59,
            second: 58,
            micros: 0,
        };
        assert_eq!(old(20_240_229_235_958), Ok(expect));
        assert_eq!(old(0), Ok(DateTime::default()));
        assert!(old(20_241_329_235_958).is_err());
        assert!(old(u64::MAX).is_err());
        let minus = old_time(&mut Reader::new(&(-8_385_959_i32).to_le_bytes()[..3])).unwrap();
        assert_eq!(minus.micros, -3_020_399_000_000);
    }

    #[test]
    fn fractions_of_a_second_or_more_are_refused() {
        assert!(timestamp2(&mut Reader::new(&[0, 0, 0, 0, 100]), 1).is_err());
        assert!(timestamp2(&mut Reader::new(&[0, 0, 0, 0, 99]), 1).is_ok());
        assert!(datetime2(&mut Reader::new(&[0; 5]), 0).is_err());
    }
}
