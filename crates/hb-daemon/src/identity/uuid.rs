//! The node's UUID: the file `hb_uuid`, or computed from the node name (`wire.md` 9.2, `config.md` 11.4).

use std::io;
use std::path::Path;

use super::replace::replace;

/// The UUID in `state_dir`; a missing or short file is replaced by a new random UUID.
///
/// # Errors
/// If the file cannot be read or written, or the kernel gives no random numbers.
pub(crate) fn from_file(state_dir: &Path) -> io::Result<[u8; 16]> {
    let path = state_dir.join(FILE);
    match std::fs::read(&path) {
        Ok(content) => {
            if let Some(uuid) = content.first_chunk::<16>() {
                return Ok(*uuid);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let uuid = random()?;
    replace(&path, &uuid)?;
    Ok(uuid)
}

/// The UUID of `uuidfrom nodename`: the same on every machine for the same name.
pub(crate) fn from_name(name: &str) -> [u8; 16] {
    let mut random = Additive::new(seed(name.as_bytes()));
    std::array::from_fn(|_| {
        let high = random.next_digit();
        high << 4 | random.next_digit()
    })
}

/// A random UUID (version 4).
fn random() -> io::Result<[u8; 16]> {
    let mut uuid = [0; 16];
    // 16 bytes come whole or not at all (`getrandom(2)`).
    rustix::rand::getrandom(&mut uuid, rustix::rand::GetRandomFlags::empty())?;
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut uuid;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    Ok(uuid)
}

/// seed × 31 + byte over the name, bytes signed, 32 bit.
fn seed(name: &[u8]) -> u32 {
    name.iter().fold(0, |seed: u32, byte| {
        let signed = i32::from(byte.cast_signed());
        seed.wrapping_mul(31).wrapping_add_signed(signed)
    })
}

/// The additive generator behind `rand()` of the C library.
struct Additive {
    /// The last 31 values, the oldest at `at`.
    state: [u32; 31],
    at: usize,
}

impl Additive {
    fn new(seed: u32) -> Self {
        let mut state = [0; 31];
        // The recurrence runs on a signed 32-bit number; a seed of 0 counts as 1.
        let mut value = i64::from(if seed == 0 { 1 } else { seed.cast_signed() });
        for (index, slot) in state.iter_mut().enumerate() {
            if index > 0 {
                value = (16807 * value).rem_euclid(2_147_483_647);
            }
            // Exact: only the seed itself can be negative, and it keeps its 32 bits.
            *slot = u32::try_from(value.rem_euclid(1 << 32)).unwrap_or(0);
        }
        let mut generator = Self { state, at: 0 };
        // r[31] to r[33] repeat r[0] to r[2]: with the oldest at 0 that is the present state; from r[34] on each is
        // the sum of those 3 and 31 before. The first 310 of them are dropped: output 0 is r[344].
        generator.at = 3;
        for _ in 0..310 {
            generator.step();
        }
        generator
    }

    /// `r[i] = r[i-3] + r[i-31]`
    fn step(&mut self) -> u32 {
        let before_3 = self.slot(self.at + 31 - 3);
        let sum = self.slot(self.at).wrapping_add(before_3);
        let index = self.at;
        if let Some(slot) = self.state.get_mut(index) {
            *slot = sum;
        }
        self.at = (self.at + 1) % 31;
        sum
    }

    fn slot(&self, index: usize) -> u32 {
        self.state.get(index % 31).copied().unwrap_or(0)
    }

    /// `rand() % 16`
    fn next_digit(&mut self) -> u8 {
        let [.., low] = (self.step() >> 1).to_be_bytes();
        low & 0x0f
    }
}

const FILE: &str = "hb_uuid";

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(uuid: [u8; 16]) -> String {
        format!("{:032x}", u128::from_be_bytes(uuid))
    }

    #[test]
    fn uuids_from_names_are_those_of_the_specification() {
        let cases = [
            ("wa1", "20dfbde7e46699f9e94ba84d713681da"),
            ("a", "e44c786810c23db7763c3b17dc88f2ed"),
            ("h1", "f4285a2a5c8339d7a0170353dd544c03"),
            ("cc1", "29d5751565d2a8b623a7671256787f19"),
            ("node-a", "227bba5e67eb0882d6b8522ef2f6ea50"),
        ];
        for (name, uuid) in cases {
            assert_eq!(hex(from_name(name)), uuid, "{name}");
        }
        assert_eq!(seed(b"wa1"), 117_415);
    }

    #[test]
    fn a_new_uuid_is_random_and_kept() {
        let dir = std::env::temp_dir().join(format!("hb-uuid-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let uuid = from_file(&dir).unwrap();
        assert_eq!(uuid[6] >> 4, 4);
        assert_eq!(uuid[8] >> 6, 2);
        assert_eq!(std::fs::read(dir.join(FILE)).unwrap(), uuid);
        assert_eq!(from_file(&dir).unwrap(), uuid);

        std::fs::write(dir.join(FILE), b"short").unwrap();
        let other = from_file(&dir).unwrap();
        assert_ne!(other, uuid);

        let long: Vec<u8> = (0..20).collect();
        std::fs::write(dir.join(FILE), &long).unwrap();
        assert_eq!(from_file(&dir).unwrap(), long[..16]);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
