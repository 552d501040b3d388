//! The parts of a colour profile that count here.

/// Where the table of parts begins, after the header and their count.
const TABLE: usize = 132;
const ENTRY: usize = 12;

/// White, the primaries, their curves, grey's, and the tables for two of the intents.
const WANTED: [&[u8; 4]; 11] =
    [b"wtpt", b"chad", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"A2B0", b"A2B1"];

/// The profile with all other parts hidden. Of hundreds of thousands of entries, each may point to the same megabytes,
/// and the library would read every one.
pub(super) fn with_wanted_alone(profile: &[u8]) -> Vec<u8> {
    const HIDDEN: [u8; 4] = [0; 4];
    let mut profile = profile.to_vec();
    let mut seen = Vec::new();
    for entry in entries(&profile) {
        let Some(name) = profile.get_mut(entry..).and_then(|rest| rest.first_chunk_mut::<4>()) else { break };
        if WANTED.contains(&&*name) && !seen.contains(name) {
            seen.push(*name);
        } else {
            *name = HIDDEN;
        }
    }
    profile
}

/// Where the entries stand.
fn entries(profile: &[u8]) -> impl Iterator<Item = usize> + use<> {
    let count = u32_at(profile, TABLE - 4).unwrap_or(0) as usize;
    let most = profile.len().saturating_sub(TABLE) / ENTRY;
    (0..count.min(most)).map(|index| TABLE + ENTRY * index)
}

/// What a profile calls itself.
pub(super) fn description(profile: &[u8]) -> Option<String> {
    const ASCII: usize = 12;
    let entry = entries(profile).find(|&entry| profile[entry..].starts_with(b"desc"))?;
    let (at, length) = (u32_at(profile, entry + 4)? as usize, u32_at(profile, entry + 8)? as usize);
    let part = profile.get(at..at.checked_add(length)?)?;
    match part.first_chunk()? {
        b"desc" => {
            let length = u32_at(part, 8)? as usize;
            let text = part.get(ASCII..ASCII.checked_add(length)?)?;
            Some(String::from_utf8_lossy(text.split(|&byte| byte == 0).next()?).into_owned())
        }
        b"mluc" => {
            const FIRST: usize = 16;
            let (length, at) = (u32_at(part, FIRST + 4)? as usize, u32_at(part, FIRST + 8)? as usize);
            let text = part.get(at..at.checked_add(length)?)?;
            let letters: Vec<u16> = text.as_chunks::<2>().0.iter().map(|&pair| u16::from_be_bytes(pair)).collect();
            Some(String::from_utf16_lossy(&letters))
        }
        _ => None,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u32::from_be_bytes(bytes))
}
