//! What a request asks for, hashed: two that ask for the same are known as equal without a look at their pictures.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::role::Place;

/// Every picture and every field of a form, in whatever order they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked(BTreeSet<(String, Vec<u8>)>);

impl Asked {
    /// For the text `text` in the field `name`.
    pub fn for_field(&mut self, name: &str, text: &str) {
        self.0.insert((name.to_owned(), text.as_bytes().to_vec()));
    }

    /// For the file at `place` whose bytes were hashed by `hash`.
    pub fn for_file(&mut self, place: Place, hash: Sha256) {
        self.0.insert((place.in_problems(), hash.finalize().to_vec()));
    }

    /// The whole in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for (name, value) in &self.0 {
            // With its length before it, no text can look like two.
            for part in [name.as_bytes(), value] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        hex::encode(hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;

    fn asked(fields: &[(&str, &str)], files: &[(usize, &str)]) -> String {
        let mut asked = Asked::default();
        for (name, text) in fields {
            asked.for_field(name, text);
        }
        for &(number, bytes) in files {
            asked.for_file(Place { role: Role::Style, number }, Sha256::new().chain_update(bytes));
        }
        asked.fingerprint()
    }

    #[test]
    fn the_order_of_fields_does_not_count_and_that_of_files_does() {
        let one = asked(&[("size", "96"), ("seed", "1")], &[(0, "a"), (1, "b")]);
        assert_eq!(one, asked(&[("seed", "1"), ("size", "96")], &[(0, "a"), (1, "b")]));
        assert_ne!(one, asked(&[("seed", "1"), ("size", "96")], &[(0, "b"), (1, "a")]));
        assert_ne!(one, asked(&[("size", "96"), ("seed", "2")], &[(0, "a"), (1, "b")]));
        assert_ne!(one, asked(&[("size", "96")], &[(0, "a"), (1, "b")]));
    }

    #[test]
    fn no_text_looks_like_another() {
        assert_ne!(
            asked(&[("a", "b"), ("c", "d")], &[]),
            asked(&[("a", "b\u{1}\0\0\0\0\0\0\0c\u{1}\0\0\0\0\0\0\0d")], &[])
        );
    }
}
