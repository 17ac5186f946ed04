//! The optional metadata of TABLE_MAP: type, length, value, until the end.

use super::read::{Fault, Parse, Reader};
use super::table_map::MapColumn;
use super::wire::Wire;
use crate::Flavour;

/// Optional metadata, spread over the columns. Each list is empty (not logged) or as long as the column list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Metadata {
    /// UNSIGNED of columns that have a sign.
    pub(crate) unsigned: Vec<Option<bool>>,
    /// Collation ids of character, ENUM and SET columns.
    pub(crate) collations: Vec<Option<u32>>,
    pub(crate) names: Vec<String>,
    /// Members of ENUM and SET columns, in the column's character set.
    pub(crate) members: Vec<Vec<Box<[u8]>>>,
    /// Columns of the primary key in key order.
    pub(crate) primary_key: Vec<usize>,
    /// Of VECTOR columns.
    pub(crate) dimensions: Vec<u32>,
}

/// Fields that we do not know are skipped: their length is known.
pub(crate) fn read_metadata(bytes: &[u8], columns: &[MapColumn], flavour: Flavour) -> Parse<Metadata> {
    let mut metadata = Metadata::default();
    let character: Vec<usize> = positions(columns, |wire| has_charset(wire, flavour));
    let enums_and_sets: Vec<usize> = positions(columns, Wire::is_enum_or_set);
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let field = reader.u8()?;
        let mut value = Reader::new(reader.lenenc_bytes()?);
        match field {
            1 => metadata.unsigned = signs(&value, columns)?,
            2 => default_charset(&mut value, &character, columns.len(), &mut metadata.collations)?,
            3 => column_charsets(&mut value, &character, columns.len(), &mut metadata.collations)?,
            4 => metadata.names = names(&mut value, columns.len())?,
            5 => members(
                &mut value,
                columns,
                |wire| matches!(wire, Wire::Set { .. }),
                &mut metadata.members,
            )?,
            6 => members(
                &mut value,
                columns,
                |wire| matches!(wire, Wire::Enum { .. }),
                &mut metadata.members,
            )?,
            8 => metadata.primary_key = primary_key(&mut value, columns.len(), false)?,
            9 => metadata.primary_key = primary_key(&mut value, columns.len(), true)?,
            10 => default_charset(
                &mut value,
                &enums_and_sets,
                columns.len(),
                &mut metadata.collations,
            )?,
            11 => column_charsets(
                &mut value,
                &enums_and_sets,
                columns.len(),
                &mut metadata.collations,
            )?,
            13 => metadata.dimensions = dimensions(&mut value, columns)?,
            // 7 is the geometry subtype, 12 the visibility: neither changes how a row is read.
            _ => {}
        }
    }
    Ok(metadata)
}

/// MariaDB lists GEOMETRY among the columns with a character set, and MySQL VECTOR.
fn has_charset(wire: Wire, flavour: Flavour) -> bool {
    let listed_too = match flavour {
        Flavour::MariaDb => matches!(wire, Wire::Geometry { .. }),
        Flavour::MySql => matches!(wire, Wire::Vector { .. }),
    };
    wire.is_character() || listed_too
}

fn positions(columns: &[MapColumn], wanted: impl Fn(Wire) -> bool) -> Vec<usize> {
    (0..columns.len()).filter(|&i| wanted(columns[i].wire)).collect()
}

/// One bit per column with a sign, most significant bit first.
fn signs(value: &Reader<'_>, columns: &[MapColumn]) -> Parse<Vec<Option<bool>>> {
    let bits = value.rest();
    let mut next = 0;
    columns
        .iter()
        .map(|column| {
            if !column.wire.has_sign() {
                return Ok(None);
            }
            let byte = bits.get(next / 8).ok_or(Fault::Truncated)?;
            let unsigned = byte << (next % 8) & 0x80 != 0;
            next += 1;
            Ok(Some(unsigned))
        })
        .collect()
}

/// A collation for all `listed` columns, then pairs of place in the list and collation for the exceptions.
fn default_charset(
    value: &mut Reader<'_>,
    listed: &[usize],
    count: usize,
    collations: &mut Vec<Option<u32>>,
) -> Parse<()> {
    collations.resize(count, None);
    let default = collation(value)?;
    for &column in listed {
        collations[column] = Some(default);
    }
    while !value.is_empty() {
        let place = value.lenenc()?;
        let column = usize::try_from(place).ok().and_then(|place| listed.get(place));
        let &column = column.ok_or(Fault::Invalid(
            "a character set is given to a column that has none",
        ))?;
        collations[column] = Some(collation(value)?);
    }
    Ok(())
}

fn column_charsets(
    value: &mut Reader<'_>,
    listed: &[usize],
    count: usize,
    collations: &mut Vec<Option<u32>>,
) -> Parse<()> {
    collations.resize(count, None);
    for &column in listed {
        collations[column] = Some(collation(value)?);
    }
    if !value.is_empty() {
        return Err(Fault::Invalid(
            "there are more character sets than columns that have one",
        ));
    }
    Ok(())
}

fn collation(value: &mut Reader<'_>) -> Parse<u32> {
    u32::try_from(value.lenenc()?).map_err(|_| Fault::Invalid("a collation number is too large"))
}

fn names(value: &mut Reader<'_>, count: usize) -> Parse<Vec<String>> {
    (0..count)
        .map(|_| Ok(String::from_utf8_lossy(value.lenenc_bytes()?).into_owned()))
        .collect()
}

fn members(
    value: &mut Reader<'_>,
    columns: &[MapColumn],
    wanted: impl Fn(Wire) -> bool,
    members: &mut Vec<Vec<Box<[u8]>>>,
) -> Parse<()> {
    members.resize(columns.len(), Vec::new());
    for column in positions(columns, wanted) {
        let count = value.lenenc_len()?;
        members[column] = (0..count)
            .map(|_| Ok(value.lenenc_bytes()?.into()))
            .collect::<Parse<_>>()?;
    }
    Ok(())
}

fn primary_key(value: &mut Reader<'_>, count: usize, with_prefix: bool) -> Parse<Vec<usize>> {
    let mut key = Vec::new();
    while !value.is_empty() {
        let column = usize::try_from(value.lenenc()?).unwrap_or(usize::MAX);
        if column >= count || key.len() >= count {
            return Err(Fault::Invalid("the primary key names a column that is not there"));
        }
        key.push(column);
        if with_prefix {
            // Characters of the column that the key uses: a unique prefix makes the whole value unique too.
            value.lenenc()?;
        }
    }
    Ok(key)
}

fn dimensions(value: &mut Reader<'_>, columns: &[MapColumn]) -> Parse<Vec<u32>> {
    let mut all = vec![0; columns.len()];
    for column in positions(columns, |wire| matches!(wire, Wire::Vector { .. })) {
        all[column] = u32::try_from(value.lenenc()?).map_err(|_| Fault::Invalid("a vector is too long"))?;
    }
    Ok(all)
}
