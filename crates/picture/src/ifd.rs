//! TIFF's directories of numbered fields, which EXIF has too.

/// The fields of one directory.
pub(crate) struct Ifd<'a> {
    bytes: &'a [u8],
    order: Order,
    fields: Vec<Field>,
    /// Where the next directory begins; 0 where there is none.
    pub next: u32,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Order {
    LittleEndFirst,
    BigEndFirst,
}

/// A field whose value lies within the bytes.
struct Field {
    tag: u16,
    kind: u16,
    count: u32,
    /// Where its value begins.
    at: usize,
}

/// Why there is no directory.
#[derive(Debug, PartialEq)]
pub(crate) enum NoIfd {
    /// The bytes end before it does, or before a value of it.
    BeyondEnd,
    /// The bytes are no TIFF's, or one of another kind.
    NotTiff,
    /// It has more fields than [`MOST_FIELDS`].
    TooLong,
}

/// The most fields that a directory is read with; those of cameras have some hundred.
pub(crate) const MOST_FIELDS: usize = 4096;

impl<'a> Ifd<'a> {
    /// The first directory of a TIFF file or a block of EXIF, with those of its fields that can be had.
    pub fn first(bytes: &'a [u8]) -> Option<Self> {
        Self::read_first(bytes).ok().map(|(ifd, _)| ifd)
    }

    /// The first directory of a TIFF file, and whether all of its values lie within it.
    pub fn read_first(bytes: &'a [u8]) -> Result<(Self, bool), NoIfd> {
        let order = match bytes.first_chunk::<4>() {
            Some(b"II*\0") => Order::LittleEndFirst,
            Some(b"MM\0*") => Order::BigEndFirst,
            _ => return Err(NoIfd::NotTiff),
        };
        let start = u32_at(bytes, 4, order).ok_or(NoIfd::BeyondEnd)?;
        Self::at(bytes, start, order)
    }

    /// The directory after this one.
    pub fn following(&self) -> Option<Self> {
        if self.next == 0 { None } else { Self::at(self.bytes, self.next, self.order).ok().map(|(ifd, _)| ifd) }
    }

    fn at(bytes: &'a [u8], start: u32, order: Order) -> Result<(Self, bool), NoIfd> {
        let start = start as usize;
        let count = usize::from(u16_at(bytes, start, order).ok_or(NoIfd::BeyondEnd)?);
        if count > MOST_FIELDS {
            return Err(NoIfd::TooLong);
        }
        Self::with_fields(bytes, start, count, order).ok_or(NoIfd::BeyondEnd)
    }

    fn with_fields(bytes: &'a [u8], start: usize, count: usize, order: Order) -> Option<(Self, bool)> {
        const ENTRY: usize = 12;
        let (mut fields, mut whole) = (Vec::with_capacity(count.min(64)), true);
        for entry in (0..count).map(|index| start + 2 + ENTRY * index) {
            let (tag, kind) = (u16_at(bytes, entry, order)?, u16_at(bytes, entry + 2, order)?);
            let count = u32_at(bytes, entry + 4, order)?;
            let Some(length) = width_of(kind).and_then(|width| width.checked_mul(count as usize)) else { continue };
            let at = if length <= 4 { entry + 8 } else { u32_at(bytes, entry + 8, order)? as usize };
            if at.checked_add(length).is_some_and(|end| end <= bytes.len()) {
                fields.push(Field { tag, kind, count, at });
            } else {
                whole = false;
            }
        }
        let next = u32_at(bytes, start + 2 + ENTRY * count, order);
        whole &= next.is_some();
        Some((Self { bytes, order, fields, next: next.unwrap_or(0) }, whole))
    }

    fn field(&self, tag: u16) -> Option<&Field> {
        self.fields.iter().find(|field| field.tag == tag)
    }

    /// The first number of a field of whole numbers.
    pub fn number(&self, tag: u16) -> Option<u32> {
        self.numbers(tag)?.next()
    }

    /// The numbers of a field of whole numbers.
    pub fn numbers(&self, tag: u16) -> Option<impl Iterator<Item = u32> + '_> {
        let field = self.field(tag)?;
        let width = width_of(field.kind)?;
        if field.count == 0 || !matches!(field.kind, 1 | 3 | 4 | 6 | 7 | 8 | 9) {
            return None;
        }
        Some((0..field.count as usize).map_while(move |index| self.number_at(field.at + width * index, width)))
    }

    fn number_at(&self, at: usize, width: usize) -> Option<u32> {
        match width {
            1 => self.bytes.get(at).copied().map(u32::from),
            2 => u16_at(self.bytes, at, self.order).map(u32::from),
            _ => u32_at(self.bytes, at, self.order),
        }
    }

    /// How many values a field has.
    pub fn count(&self, tag: u16) -> u32 {
        self.field(tag).map_or(0, |field| field.count)
    }

    /// A field's value as it stands in the file.
    pub fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        let field = self.field(tag)?;
        let length = width_of(field.kind)? * field.count as usize;
        self.bytes.get(field.at..field.at + length)
    }

    /// Where a field's value stands in the file.
    pub fn place(&self, tag: u16) -> Option<usize> {
        self.field(tag).map(|field| field.at)
    }

    /// Which end of a number comes first.
    pub fn order(&self) -> Order {
        self.order
    }
}

/// In bytes, by the number of a kind of values.
fn width_of(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 => Some(8),
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize, order: Order) -> Option<u16> {
    let bytes = *bytes.get(at..)?.first_chunk()?;
    Some(if order == Order::LittleEndFirst { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
}

fn u32_at(bytes: &[u8], at: usize, order: Order) -> Option<u32> {
    let bytes = *bytes.get(at..)?.first_chunk()?;
    Some(if order == Order::LittleEndFirst { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
}
