//! Files in every format and of every kind of colours, held against Pillow's colour management (data/sheet.py).

use std::{fs, path::PathBuf};

use impasto_picture::{DecodeLimits, Picture};
use impasto_recipe::Size;

/// A cell of one colour is so many pixels wide and high, and there are so many of them.
const CELL: u32 = 8;
const ACROSS: u32 = 6;
const DOWN: u32 = 4;

/// In steps of 255, what the largest difference from Pillow may be.
const MOST: f32 = 2.0;

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The colours and opacities that Pillow sees, in the order of the cells.
fn colours(words: &str) -> Vec<[u8; 4]> {
    let number = |word: &str| u32::from_str_radix(word, 16).unwrap().to_be_bytes();
    words.split(' ').map(number).collect()
}

#[test]
fn colours_are_within_two_steps_of_pillows() {
    let sheet = fs::read_to_string(data().join("sheet.txt")).unwrap();
    let mut wrong = Vec::new();
    for (name, words) in sheet.lines().map(|line| line.split_once(' ').unwrap()) {
        let file = fs::read(data().join("sheet").join(name)).unwrap();
        let picture = match Picture::decode(&file, &DecodeLimits::default()) {
            Ok(picture) => picture,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let size = Size::new(CELL * ACROSS, CELL * DOWN);
        assert_eq!(picture.size(), size, "{name}");
        let wanted = colours(words);
        let mut furthest = (0.0_f32, String::new());
        for place in 0..(size.width * size.height) as usize {
            let (x, y) = (place as u32 % size.width, place as u32 / size.width);
            let want = wanted[(y / CELL * ACROSS + x / CELL) as usize];
            let alpha = picture.alpha().map_or(1.0, |alpha| alpha.values()[place]);
            let have = &picture.rgb()[3 * place..3 * place + 3];
            // What nobody sees is white.
            let want = if want[3] == 0 { [255, 255, 255, 0] } else { want };
            for (have, want) in have.iter().chain([&alpha]).zip(want) {
                let distance = (have * 255.0 - f32::from(want)).abs();
                if distance > furthest.0 {
                    furthest = (distance, format!("{name}: {have} at {x}, {y} instead of {}", f32::from(want) / 255.0));
                }
            }
        }
        println!("{name}: {:.2}", furthest.0);
        if furthest.0 > MOST {
            wrong.push(format!("{} ({:.1} steps)", furthest.1, furthest.0));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
