//! DECIMAL: groups of nine digits, big-endian, with a flipped sign bit; negative values inverted.

use super::read::{Fault, Parse};

/// Bytes that 0 to 9 digits take.
const DIGIT_BYTES: [u8; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
/// Numbers of 0 to 9 digits are below.
const POWERS: [u64; 10] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];
/// DECIMAL(65,s) never takes more.
const BYTES_MAX: usize = 32;
/// Groups of DECIMAL(65,s): at most 7 whole ones and 2 short ones.
const GROUPS_MAX: usize = 10;

/// How a DECIMAL(p,s) lies in memory.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct DecimalShape {
    /// Digits before the point that do not fill a group, and whole groups.
    int_head: u8,
    int_groups: u8,
    /// Whole groups behind the point, and digits that do not fill one.
    frac_groups: u8,
    frac_tail: u8,
    pub(crate) bytes: u8,
}

impl DecimalShape {
    pub(crate) fn new(precision: u8, scale: u8) -> Self {
        let int = precision.saturating_sub(scale);
        let shape = DecimalShape {
            int_head: int % 9,
            int_groups: int / 9,
            frac_groups: scale / 9,
            frac_tail: scale % 9,
            bytes: 0,
        };
        DecimalShape {
            bytes: DIGIT_BYTES[usize::from(shape.int_head)]
                + 4 * (shape.int_groups + shape.frac_groups)
                + DIGIT_BYTES[usize::from(shape.frac_tail)],
            ..shape
        }
    }

    /// Digits of each group, in order.
    fn groups(self) -> impl Iterator<Item = u8> {
        let head = (self.int_head > 0).then_some(self.int_head);
        let tail = (self.frac_tail > 0).then_some(self.frac_tail);
        let whole = std::iter::repeat_n(9, usize::from(self.int_groups + self.frac_groups));
        head.into_iter().chain(whole).chain(tail)
    }

    /// Reads a value with at most 17 digits on either side of the point, as nearly all have.
    /// `None` for other shapes.
    #[inline]
    pub(crate) fn read_short(self, bytes: &[u8]) -> Parse<Option<ShortDecimal>> {
        if self.int_groups > 1 || self.frac_groups > 1 {
            return Ok(None);
        }
        let negative = bytes.first().is_some_and(|first| first & 0x80 == 0);
        let mask = if negative { 0xff } else { 0 };
        let mut flip = mask ^ 0x80;
        let mut rest = bytes.iter();
        // The next group of so many digits.
        let mut group = |digits: u8| -> Parse<u64> {
            let mut value = 0;
            for _ in 0..DIGIT_BYTES[usize::from(digits)] {
                let byte = rest.next().ok_or(Fault::Truncated)?;
                value = value << 8 | u64::from(byte ^ flip);
                flip = mask;
            }
            if value >= POWERS[usize::from(digits)] {
                return Err(Fault::Invalid("a DECIMAL has digits that are none"));
            }
            Ok(value)
        };
        let mut int = group(self.int_head)?;
        if self.int_groups == 1 {
            int = int * POWERS[9] + group(9)?;
        }
        let mut frac = if self.frac_groups == 1 { group(9)? } else { 0 };
        frac = frac * POWERS[usize::from(self.frac_tail)] + group(self.frac_tail)?;
        Ok(Some(ShortDecimal {
            negative,
            int,
            frac,
            scale: 9 * self.frac_groups + self.frac_tail,
        }))
    }

    /// Reads the digits of a value.
    pub(crate) fn read(self, bytes: &[u8]) -> Parse<Decimal> {
        let mut plain = [0; BYTES_MAX];
        let plain = plain
            .get_mut(..bytes.len())
            .ok_or(Fault::Invalid("a DECIMAL is too long"))?;
        let negative = bytes.first().is_some_and(|first| first & 0x80 == 0);
        let mask = if negative { 0xff } else { 0 };
        for (to, from) in plain.iter_mut().zip(bytes) {
            *to = from ^ mask;
        }
        if let Some(first) = plain.first_mut() {
            *first ^= 0x80;
        }
        let mut decimal = Decimal {
            shape: self,
            negative,
            groups: [0; GROUPS_MAX],
        };
        let mut rest = &*plain;
        for (group, digits) in decimal.groups.iter_mut().zip(self.groups()) {
            let len = usize::from(DIGIT_BYTES[usize::from(digits)]);
            let (head, tail) = rest.split_at_checked(len).ok_or(Fault::Truncated)?;
            *group = head.iter().fold(0, |number, &byte| number << 8 | u32::from(byte));
            if *group >= 10_u32.pow(digits.into()) {
                return Err(Fault::Invalid("a DECIMAL has digits that are none"));
            }
            rest = tail;
        }
        Ok(decimal)
    }
}

/// A value in two numbers.
pub(crate) struct ShortDecimal {
    negative: bool,
    int: u64,
    frac: u64,
    scale: u8,
}

impl ShortDecimal {
    /// As [`Decimal::write`].
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(self.int).as_bytes());
        if self.scale > 0 {
            let mut text = [b'0'; 1 + 18];
            text[0] = b'.';
            let mut value = self.frac;
            let end = usize::from(self.scale);
            for place in text.iter_mut().skip(1).take(end).rev() {
                *place = b'0' + (value % 10) as u8;
                value /= 10;
            }
            out.extend_from_slice(text.get(..=end).unwrap_or_default());
        }
    }
}

/// The digits of a value.
pub(crate) struct Decimal {
    shape: DecimalShape,
    negative: bool,
    groups: [u32; GROUPS_MAX],
}

impl Decimal {
    /// Appends the value with all digits of its scale and no leading zeros: `-0.50`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        let int_len = usize::from(self.shape.int_head > 0) + usize::from(self.shape.int_groups);
        let mut groups = self.groups.iter().copied().zip(self.shape.groups());
        let start = out.len();
        for (value, digits) in groups.by_ref().take(int_len) {
            if out.len() > start {
                write_digits(value, digits, out);
            } else if value > 0 {
                write_digits(value, digit_count(value), out);
            }
        }
        if out.len() == start {
            out.push(b'0');
        }
        if self.shape.frac_groups + self.shape.frac_tail > 0 {
            out.push(b'.');
            for (value, digits) in groups {
                write_digits(value, digits, out);
            }
        }
    }
}

fn digit_count(value: u32) -> u8 {
    // The values are below 10^9.
    value.checked_ilog10().map_or(1, |log| log as u8 + 1)
}

#[inline]
fn write_digits(mut value: u32, digits: u8, out: &mut Vec<u8>) {
    let mut text = [b'0'; 9];
    for place in text.iter_mut().take(digits.into()).rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(text.get(..usize::from(digits)).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn check(precision: u8, scale: u8, bytes: &[u8], expect: &str) {
        let shape = DecimalShape::new(precision, scale);
        assert_eq!(usize::from(shape.bytes), bytes.len());
        let mut text = Vec::new();
        shape.read(bytes).unwrap().write(&mut text);
        assert_eq!(String::from_utf8(text).unwrap(), expect);
    }

    #[test]
    fn text_has_the_digits_of_the_scale_and_no_leading_zero() {
        // 1234567890.1234 is the example of MySQL's documentation.
        check(
            14,
            4,
            &[0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2],
            "1234567890.1234",
        );
        check(
            14,
            4,
            &[0x7e, 0xf2, 0x04, 0xc7, 0x2d, 0xfb, 0x2d],
            "-1234567890.1234",
        );
        check(3, 2, &[0x80, 0x32], "0.50");
        check(2, 2, &[0x80 + 7], "0.07");
        check(5, 0, &[0x80, 0, 0], "0");
        check(9, 0, &[0x80, 0, 0, 5], "5");
        check(10, 0, &[0x80, 0, 0, 0, 5], "5");
        check(10, 0, &[0x81, 0, 0, 0, 5], "1000000005");
    }

    proptest! {
        /// Also bytes that no server writes: both ways refuse the same ones.
        #[test]
        fn the_short_way_says_the_same(
            precision in 1u8..=65,
            scale in 0u8..=30,
            bytes in vec(prop_oneof![3 => 0u8..4, 2 => any::<u8>(), 1 => 0x7cu8..0x84, 1 => 0xfcu8..], BYTES_MAX),
        ) {
            let shape = DecimalShape::new(precision, scale.min(precision));
            let bytes = &bytes[..shape.bytes.into()];
            let long = shape.read(bytes).map(|decimal| {
                let mut text = Vec::new();
                decimal.write(&mut text);
                text
            });
            let short = shape.read_short(bytes).transpose().map(|short| short.map(|decimal| {
                let mut text = Vec::new();
                decimal.write(&mut text);
                text
            }));
            prop_assert!(short.is_none_or(|short| short == long));
        }
    }

    #[test]
    fn digits_that_are_none_are_refused() {
        assert!(DecimalShape::new(9, 0).read(&[0xff; 4]).is_err());
        assert!(DecimalShape::new(9, 0).read(&[0x80; 3]).is_err());
    }
}
