//! TSO-shaped timestamps.

use std::fmt;
use std::str::FromStr;

/// Number of low bits that hold the logical counter.
const LOGICAL_BITS: u32 = 18;

/// A TSO: `physical_ms << 18 | logical`, as the placement driver of TiDB hands them out.
///
/// `physical_ms` is unix time in milliseconds. The order of two `Ts` is the order of their commits. A binlog
/// upstream synthesises them; whoever reads them must not assume that the physical part is exact.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ts(u64);

impl Ts {
    /// "Never" / "unset".
    pub const ZERO: Ts = Ts(0);
    /// Later than every commit.
    pub const MAX: Ts = Ts(u64::MAX);

    /// Takes a raw TSO as found in the API.
    pub const fn from_u64(raw: u64) -> Self {
        Ts(raw)
    }

    /// The latest millisecond of unix time that a timestamp can hold: in the year 4199.
    pub const PHYSICAL_MS_MAX: u64 = u64::MAX >> LOGICAL_BITS;

    /// The first timestamp of a millisecond of unix time; `MAX` for one beyond [`Ts::PHYSICAL_MS_MAX`].
    pub const fn from_physical_ms(ms: u64) -> Self {
        if ms > Self::PHYSICAL_MS_MAX {
            return Ts::MAX;
        }
        Ts(ms << LOGICAL_BITS)
    }

    /// The raw TSO as the API shows it.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Unix time in milliseconds.
    pub const fn physical_ms(self) -> u64 {
        self.0 >> LOGICAL_BITS
    }

    /// Counter inside the millisecond.
    pub const fn logical(self) -> u64 {
        self.0 & ((1 << LOGICAL_BITS) - 1)
    }

    /// The next larger timestamp; `MAX` stays `MAX`.
    pub const fn next(self) -> Self {
        Ts(self.0.saturating_add(1))
    }

    /// The next smaller timestamp; `ZERO` stays `ZERO`.
    pub const fn prev(self) -> Self {
        Ts(self.0.saturating_sub(1))
    }

    /// This timestamp moved by `n` on the whole 64-bit number.
    pub const fn plus(self, n: u64) -> Self {
        Ts(self.0.saturating_add(n))
    }

    /// Whether it is the unset value.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ts({}={}ms+{})", self.0, self.physical_ms(), self.logical())
    }
}

impl FromStr for Ts {
    type Err = std::num::ParseIntError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Ts)
    }
}

#[cfg(test)]
mod tests {
    use super::Ts;

    #[test]
    fn parts_of_a_published_sample() {
        let ts = Ts::from_u64(439_749_918_821_711_874);
        assert_eq!(ts.physical_ms(), 1_677_512_812_888);
        assert_eq!(ts.logical(), 2);
        assert_eq!(Ts::from_physical_ms(ts.physical_ms()).plus(2), ts);
    }

    #[test]
    fn the_logical_part_carries_into_the_millisecond() {
        let last = Ts::from_physical_ms(5).plus((1 << 18) - 1);
        assert_eq!(last.next(), Ts::from_physical_ms(6));
    }

    #[test]
    fn the_ends_saturate() {
        assert_eq!(Ts::ZERO.prev(), Ts::ZERO);
        assert_eq!(Ts::MAX.next(), Ts::MAX);
        assert_eq!(
            Ts::from_physical_ms(Ts::PHYSICAL_MS_MAX).physical_ms(),
            Ts::PHYSICAL_MS_MAX
        );
        assert_eq!(Ts::from_physical_ms(Ts::PHYSICAL_MS_MAX + 1), Ts::MAX);
    }
}
