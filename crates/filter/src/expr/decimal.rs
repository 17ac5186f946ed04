//! Exact numbers: DECIMAL of up to 65 digits.

use std::cmp::Ordering;
use std::fmt;

use ethnum::I256;

/// Digits of a DECIMAL, as in the servers.
const DIGITS_MAX: u32 = 65;
/// Digits behind the point that a result keeps.
const SCALE_MAX: u8 = 38;
/// Digits that a quotient gets beyond those of its dividend.
const QUOTIENT_DIGITS: u8 = 4;
/// The servers calculate in words of nine digits, and a quotient fills its last word.
const WORD_DIGITS: u8 = 9;

/// `mantissa / 10^scale`.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Decimal {
    mantissa: I256,
    scale: u8,
}

/// The result has more digits than a DECIMAL can hold.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct TooLarge;

impl Decimal {
    pub(crate) const ZERO: Decimal = Decimal {
        mantissa: I256::ZERO,
        scale: 0,
    };

    /// `None` unless the text is digits with an optional sign and point, 65 digits at most.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.len() > usize::from(u8::MAX) {
            return None;
        }
        let mut mantissa = I256::ZERO;
        let mut count = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            mantissa = mantissa * I256::from(10) + I256::from(byte - b'0');
            count += u32::from(mantissa != I256::ZERO);
            if count > DIGITS_MAX {
                return None;
            }
        }
        let scale = u8::try_from(fraction.len()).ok()?;
        let mantissa = if negative { -mantissa } else { mantissa };
        Some(Decimal { mantissa, scale })
    }

    /// A number as text (`1.5e3` too), read as far as it is one; too many digits behind the point are rounded, and
    /// too large a number is the largest there is.
    pub(crate) fn parse_prefix(text: &str) -> Self {
        let number = super::convert::number_prefix(text);
        let (digits, exponent) = number
            .split_once(['e', 'E'])
            .map_or((number, 0), |(digits, exponent)| {
                (digits, exponent.parse().unwrap_or(0))
            });
        if exponent == 0
            && let Some(decimal) = Decimal::parse(digits)
        {
            return decimal.fit(SCALE_MAX);
        }
        Self::with_exponent(digits, exponent)
    }

    fn with_exponent(digits: &str, exponent: i32) -> Self {
        let negative = digits.starts_with('-');
        let digits = digits.trim_start_matches(['-', '+']);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        // Where the point stands among the digits.
        let point = i64::try_from(whole.len())
            .unwrap_or(i64::MAX)
            .saturating_add(exponent.into());
        let first = all.iter().position(|digit| *digit != b'0').unwrap_or(all.len());
        let first = i64::try_from(first).unwrap_or(i64::MAX);
        if point - first > i64::from(DIGITS_MAX) {
            return Self::largest(negative);
        }
        let mut mantissa = I256::ZERO;
        let scale_max = i64::from(SCALE_MAX).min(i64::from(DIGITS_MAX) - (point - first).max(0));
        let scale = (i64::try_from(all.len()).unwrap_or(i64::MAX) - point).clamp(0, scale_max);
        for place in first..point + scale {
            let digit = usize::try_from(place).ok().and_then(|place| all.get(place));
            mantissa = mantissa * I256::from(10) + I256::from(digit.map_or(0, |digit| digit - b'0'));
        }
        let next = usize::try_from(point + scale)
            .ok()
            .and_then(|place| all.get(place));
        if next.is_some_and(|digit| *digit >= b'5') {
            mantissa += I256::ONE;
        }
        let mantissa = if negative { -mantissa } else { mantissa };
        Decimal {
            mantissa,
            scale: u8::try_from(scale).unwrap_or(SCALE_MAX),
        }
    }

    fn largest(negative: bool) -> Self {
        let mantissa = power(65) - I256::ONE;
        Decimal {
            mantissa: if negative { -mantissa } else { mantissa },
            scale: 0,
        }
    }

    /// The nearest decimal with at most 15 significant digits, which is how the servers read a DOUBLE.
    pub(crate) fn from_f64(number: f64) -> Self {
        Self::parse_prefix(&format!("{number:.14e}")).trimmed()
    }

    /// Without the zeros at its end.
    fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.mantissa % I256::from(10) == I256::ZERO {
            self.mantissa /= I256::from(10);
            self.scale -= 1;
        }
        self
    }

    pub(crate) fn scale(self) -> u8 {
        self.scale
    }

    pub(crate) fn is_zero(self) -> bool {
        self.mantissa == I256::ZERO
    }

    pub(crate) fn is_negative(self) -> bool {
        self.mantissa < I256::ZERO
    }

    #[must_use]
    pub(crate) fn neg(self) -> Self {
        Decimal {
            mantissa: -self.mantissa,
            ..self
        }
    }

    #[must_use]
    pub(crate) fn abs(self) -> Self {
        if self.is_negative() { self.neg() } else { self }
    }

    pub(crate) fn add(self, other: Self) -> Result<Self, TooLarge> {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.at_scale(scale)?, other.at_scale(scale)?);
        Self::checked(a.checked_add(b).ok_or(TooLarge)?, scale)
    }

    pub(crate) fn sub(self, other: Self) -> Result<Self, TooLarge> {
        self.add(other.neg())
    }

    pub(crate) fn mul(self, other: Self) -> Result<Self, TooLarge> {
        let product = self.mantissa.checked_mul(other.mantissa).ok_or(TooLarge)?;
        let product = Decimal {
            mantissa: product,
            scale: self.scale.saturating_add(other.scale),
        };
        let product = product.truncated(product.scale.min(SCALE_MAX).into());
        Self::checked(product.mantissa, product.scale)
    }

    /// The quotient, cut off after as many digits as the servers calculate; `None` for division by zero.
    pub(crate) fn div(self, other: Self) -> Result<Option<Self>, TooLarge> {
        if other.is_zero() {
            return Ok(None);
        }
        let words = |scale: u8| scale.div_ceil(WORD_DIGITS) * WORD_DIGITS;
        let (a, b) = (words(self.scale), words(other.scale));
        let more = QUOTIENT_DIGITS.saturating_sub(a - self.scale + b - other.scale);
        let scale = words(a.saturating_add(b).saturating_add(more));
        // Room for the dividend's digits may be short: then there are fewer behind the point.
        for scale in (self.scale.min(scale)..=scale).rev() {
            let shift = i32::from(scale) + i32::from(other.scale) - i32::from(self.scale);
            let divided = if shift >= 0 {
                checked_power(shift.unsigned_abs()).and_then(|p| self.mantissa.checked_mul(p))
            } else {
                Some(self.mantissa / power(shift.unsigned_abs()))
            };
            if let Some(dividend) = divided {
                return Self::checked(dividend / other.mantissa, scale).map(Some);
            }
        }
        Err(TooLarge)
    }

    /// What division leaves, with the sign of the dividend; `None` for division by zero.
    pub(crate) fn rem(self, other: Self) -> Result<Option<Self>, TooLarge> {
        if other.is_zero() {
            return Ok(None);
        }
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.at_scale(scale)?, other.at_scale(scale)?);
        Self::checked(a % b, scale).map(Some)
    }

    /// Rounded half away from zero to `digits` behind (or, negative, before) the point.
    #[must_use]
    pub(crate) fn round(self, digits: i64) -> Self {
        self.reduce(digits, |mantissa, unit| {
            let half = unit / I256::from(2);
            let half = if mantissa < I256::ZERO { -half } else { half };
            (mantissa + half) / unit
        })
    }

    /// Cut off.
    #[must_use]
    pub(crate) fn truncated(self, digits: i64) -> Self {
        self.reduce(digits, |mantissa, unit| mantissa / unit)
    }

    #[must_use]
    pub(crate) fn floor(self) -> Self {
        self.reduce(0, I256::div_euclid)
    }

    #[must_use]
    pub(crate) fn ceil(self) -> Self {
        self.neg().floor().neg()
    }

    fn reduce(self, digits: i64, divide: impl Fn(I256, I256) -> I256) -> Self {
        let cut = i64::from(self.scale) - digits;
        if cut <= 0 {
            return self;
        }
        let Some(unit) = u32::try_from(cut).ok().and_then(checked_power) else {
            return Decimal::ZERO;
        };
        let mantissa = divide(self.mantissa, unit);
        match u8::try_from(digits) {
            Ok(scale) => Decimal { mantissa, scale },
            // Zeros before the point: too many of them can only stand behind a zero.
            Err(_) => Decimal {
                mantissa: mantissa
                    .checked_mul(
                        checked_power(u32::try_from(-digits).unwrap_or(u32::MAX)).unwrap_or(I256::ZERO),
                    )
                    .unwrap_or(I256::ZERO),
                scale: 0,
            },
        }
    }

    /// With exactly `scale` digits behind the point: rounded, or filled with zeros.
    #[must_use]
    pub(crate) fn rescaled(self, scale: u8) -> Self {
        if scale <= self.scale {
            return self.round(scale.into());
        }
        self.at_scale(scale)
            .map_or(self, |mantissa| Decimal { mantissa, scale })
    }

    /// As DECIMAL(precision, scale) stores it: rounded, and the nearest possible value when it is too large.
    #[must_use]
    pub(crate) fn cast(self, precision: u8, scale: u8) -> Self {
        let limit = power(u32::from(precision)) - I256::ONE;
        let rounded = self.rescaled(scale);
        let mantissa = if rounded.scale == scale {
            rounded.mantissa.clamp(-limit, limit)
        } else if self.is_negative() {
            -limit
        } else {
            limit
        };
        Decimal { mantissa, scale }
    }

    /// With at most `scale` digits behind the point.
    fn fit(self, scale: u8) -> Self {
        if self.scale > scale {
            self.round(scale.into())
        } else {
            self
        }
    }

    /// The nearest whole number, if an i128 holds it.
    pub(crate) fn to_i128(self) -> Option<i128> {
        i128::try_from(self.round(0).mantissa).ok()
    }

    pub(crate) fn to_f64(self) -> f64 {
        // Both exact in a double, so that the quotient is the nearest one.
        if let Ok(mantissa) = i64::try_from(self.mantissa)
            && mantissa.unsigned_abs() < 1 << 53
            && self.scale <= 22
        {
            #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
            return mantissa as f64 / 10f64.powi(self.scale.into());
        }
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    fn at_scale(self, scale: u8) -> Result<I256, TooLarge> {
        let factor = checked_power(u32::from(scale - self.scale)).ok_or(TooLarge)?;
        self.mantissa.checked_mul(factor).ok_or(TooLarge)
    }

    fn checked(mantissa: I256, scale: u8) -> Result<Self, TooLarge> {
        let decimal = Decimal { mantissa, scale };
        if mantissa.abs() < power(DIGITS_MAX) {
            return Ok(decimal);
        }
        // Digits behind the point give way to those before it.
        (1..=scale)
            .rev()
            .map(|digits| decimal.truncated(i64::from(digits) - 1))
            .find(|shorter| shorter.mantissa.abs() < power(DIGITS_MAX))
            .ok_or(TooLarge)
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Decimal {
            mantissa: number.into(),
            scale: 0,
        }
    }
}

impl From<u64> for Decimal {
    fn from(number: u64) -> Self {
        Decimal {
            mantissa: number.into(),
            scale: 0,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        if let (Ok(a), Ok(b)) = (self.at_scale(scale), other.at_scale(scale)) {
            return a.cmp(&b);
        }
        // Too many digits side by side: whole parts first.
        let (whole, other_whole) = (self.truncated(0), other.truncated(0));
        let fraction = |decimal: &Decimal| {
            let unit = power(decimal.scale.into());
            let rest = Decimal {
                mantissa: decimal.mantissa % unit,
                scale: decimal.scale,
            };
            rest.at_scale(scale).unwrap_or(I256::ZERO)
        };
        (whole.mantissa, fraction(self)).cmp(&(other_whole.mantissa, fraction(other)))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative() {
            f.write_str("-")?;
        }
        let unit = power(self.scale.into());
        let mantissa = self.mantissa.abs();
        write!(f, "{}", mantissa / unit)?;
        if self.scale == 0 {
            return Ok(());
        }
        write!(
            f,
            ".{:0>width$}",
            (mantissa % unit).to_string(),
            width = self.scale.into()
        )
    }
}

/// 10^n, for an `n` that is known to be small.
fn power(n: u32) -> I256 {
    checked_power(n).unwrap_or(I256::MAX)
}

fn checked_power(n: u32) -> Option<I256> {
    I256::from(10).checked_pow(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn numbers_keep_their_digits() {
        for text in [
            "0",
            "-1.50",
            "99999999999999999999999999999999999.999999999999999999999999999999",
        ] {
            assert_eq!(d(text).to_string(), text);
        }
        for text in ["", "-", ".", "1e3", "1.2.3", " 1", "x"] {
            assert_eq!(Decimal::parse(text).map(|d| d.to_string()), None, "{text}");
        }
        assert_eq!(d(".5").to_string(), "0.5");
        assert_eq!(Decimal::parse(&"9".repeat(66)), None);
    }

    #[test]
    fn texts_are_read_as_far_as_they_are_numbers() {
        let check =
            |text: &str, expect: &str| assert_eq!(Decimal::parse_prefix(text).to_string(), expect, "{text}");
        check("12.50abc", "12.50");
        check("abc", "0");
        check("1.5e3", "1500");
        check("-1.2345e2x", "-123.45");
        check("1e-3", "0.001");
        check("1e-50", "0.00000000000000000000000000000000000000");
        check("1e100", &"9".repeat(65));
        check("-1e100", &format!("-{}", "9".repeat(65)));
    }

    #[test]
    fn arithmetic_follows_the_servers() {
        let ok = |result: Result<Decimal, TooLarge>| result.unwrap().to_string();
        assert_eq!(ok(d("1.5").add(d("2.25"))), "3.75");
        assert_eq!(ok(d("1.5").sub(d("2.25"))), "-0.75");
        assert_eq!(ok(d("1.5").mul(d("-2.25"))), "-3.375");
        let div = |a: &str, b: &str| d(a).div(d(b)).unwrap().map(|d| d.to_string());
        assert_eq!(div("1", "3").as_deref(), Some("0.333333333"));
        assert_eq!(div("-1", "3").as_deref(), Some("-0.333333333"));
        assert_eq!(div("1", "0"), None);
        assert_eq!(d("-7.5").rem(d("2")).unwrap().unwrap().to_string(), "-1.5");
        assert_eq!(d(&"9".repeat(65)).add(d("1")), Err(TooLarge));
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        let check = |text: &str, digits: i64, expect: &str| {
            assert_eq!(d(text).round(digits).to_string(), expect, "{text} {digits}");
        };
        check("2.5", 0, "3");
        check("-2.5", 0, "-3");
        check("2.449", 1, "2.4");
        check("155", -1, "160");
        check("155", -9, "0");
        assert_eq!(d("-2.1").floor().to_string(), "-3");
        assert_eq!(d("-2.1").ceil().to_string(), "-2");
        assert_eq!(d("2.1").ceil().to_string(), "3");
        assert_eq!(d("12345.678").cast(5, 2).to_string(), "999.99");
        assert_eq!(d("-1.005").cast(5, 2).to_string(), "-1.01");
    }

    #[test]
    fn comparison_ignores_zeros_and_size() {
        assert_eq!(d("1.50"), d("1.5"));
        assert!(d("-1.5") < d("-1.4"));
        let huge = format!("{}.5", "9".repeat(35));
        let tiny = format!("0.{}1", "0".repeat(60));
        assert!(d(&huge) > d(&tiny));
    }
}
