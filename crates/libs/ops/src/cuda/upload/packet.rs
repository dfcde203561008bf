//! All that a graphics card must be told of a batch, in one piece of memory and one copy: the
//! pictures' bytes, what each grey level becomes, where each image is read, partners, targets.
//!
//! Every part begins at a multiple of 16 bytes; numbers are 32-bit and little-endian,
//! as the card has them.

/// Where parts may begin.
const ALIGNMENT: usize = 16;
/// Grey levels of a byte.
const LEVELS: usize = 256;
/// 32-bit words of a [`Shown`].
const WORDS: usize = 8 + 4 * Shown::HOLES;

/// How one image is read from a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shown {
    /// From places in the image to places in the picture, both from the centre: rows x and y.
    pub matrix: [[f32; 2]; 2],
    /// Where the image's centre comes from, in half sides.
    pub shift: [f32; 2],
    /// The picture's place in the batch.
    pub picture: u32,
    /// How many of `hole` are meant.
    pub holes: u32,
    /// Rectangles that become 0: columns from and to, rows from and to, the ends left out.
    pub hole: [[i32; 4]; Self::HOLES],
}

impl Shown {
    /// The most rectangles.
    pub const HOLES: usize = 8;

    fn words(&self) -> [[u8; 4]; WORDS] {
        let mut words = [[0; 4]; WORDS];
        let numbers = self.matrix.as_flattened().iter().chain(&self.shift).map(|v| v.to_le_bytes());
        let counts = [self.picture, self.holes].map(u32::to_le_bytes);
        let holes = self.hole.as_flattened().iter().map(|v| v.to_le_bytes());
        for (word, bytes) in words.iter_mut().zip(numbers.chain(counts).chain(holes)) {
            *word = bytes;
        }
        words
    }
}

/// The sizes of a batch, and with them where its parts lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// How many pictures.
    pub pictures: usize,
    /// Images of each.
    pub views: usize,
    /// Their side in pixels.
    pub side: usize,
    /// Planes of a picture.
    pub channels: usize,
    /// Targets of each picture; 0 where none are wanted.
    pub labels: usize,
}

impl Packet {
    const fn aligned(bytes: usize) -> usize {
        bytes.next_multiple_of(ALIGNMENT)
    }

    /// Bytes of one picture.
    #[must_use]
    pub const fn picture_bytes(&self) -> usize {
        self.channels * self.side * self.side
    }

    /// Images in all.
    #[must_use]
    pub const fn images(&self) -> usize {
        self.pictures * self.views
    }

    /// Where the tables begin, `[images][channels][256]`.
    #[must_use]
    pub const fn tables_at(&self) -> usize {
        Self::aligned(self.pictures * self.picture_bytes())
    }

    /// Where the views begin.
    #[must_use]
    pub const fn shown_at(&self) -> usize {
        Self::aligned(self.tables_at() + self.images() * self.channels * LEVELS * 4)
    }

    /// Where the partners' places begin.
    #[must_use]
    pub const fn places_at(&self) -> usize {
        Self::aligned(self.shown_at() + self.images() * WORDS * 4)
    }

    /// Where the pictures' own shares begin.
    #[must_use]
    pub const fn shares_at(&self) -> usize {
        Self::aligned(self.places_at() + self.pictures * 4)
    }

    /// Where the targets begin, `[pictures][labels]`.
    #[must_use]
    pub const fn targets_at(&self) -> usize {
        Self::aligned(self.shares_at() + self.pictures * 4)
    }

    /// Bytes in all.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        Self::aligned(self.targets_at() + self.pictures * self.labels * 4)
    }

    /// The places of the pictures' bytes.
    ///
    /// # Panics
    /// When the memory is smaller than the packet.
    #[must_use]
    pub fn pictures_mut<'b>(&self, memory: &'b mut [u8]) -> &'b mut [u8] {
        &mut memory[..self.pictures * self.picture_bytes()]
    }

    /// Writes one image's view and its tables `[channels][256]`.
    ///
    /// # Panics
    /// When the memory is smaller than the packet, the tables are of another size, or there is no
    /// such image, no such picture or no room for so many holes.
    pub fn put_image(&self, memory: &mut [u8], image: usize, shown: &Shown, tables: &[f32]) {
        let size = self.channels * LEVELS;
        assert_eq!(tables.len(), size, "a table a channel");
        assert!(image < self.images(), "image {image} of {}", self.images());
        // A card reads what these say without looking whether it is there.
        let (picture, holes) = (shown.picture as usize, shown.holes as usize);
        assert!(picture < self.pictures, "picture {picture} of {}", self.pictures);
        assert!(holes <= Shown::HOLES, "{holes} holes of at most {}", Shown::HOLES);
        put(&mut memory[self.tables_at() + image * size * 4..][..size * 4], tables);
        let words = &mut memory[self.shown_at() + image * WORDS * 4..][..WORDS * 4];
        words.copy_from_slice(shown.words().as_flattened());
    }

    /// Writes partners, by place and own share, and targets: of each picture, or none.
    ///
    /// # Panics
    /// When the memory is smaller than the packet, a partner is none of its pictures, or some
    /// pictures have partners or targets and others not.
    pub fn put_labels(&self, memory: &mut [u8], partners: &[(u32, f32)], targets: &[f32]) {
        let has = |count, each| count == 0 || count == self.pictures * each;
        assert!(has(partners.len(), 1), "{} partners of {}", partners.len(), self.pictures);
        assert!(has(targets.len(), self.labels), "{} targets", targets.len());
        // A card reads the picture that this names without looking whether it is there.
        let is_picture = |(place, _): &(u32, f32)| (*place as usize) < self.pictures;
        assert!(partners.iter().all(is_picture), "a partner that is not in the batch");
        for (number, (place, share)) in partners.iter().enumerate() {
            memory[self.places_at() + number * 4..][..4].copy_from_slice(&place.to_le_bytes());
            memory[self.shares_at() + number * 4..][..4].copy_from_slice(&share.to_le_bytes());
        }
        put(&mut memory[self.targets_at()..][..targets.len() * 4], targets);
    }
}

fn put(to: &mut [u8], values: &[f32]) {
    for (to, value) in to.chunks_exact_mut(4).zip(values) {
        to.copy_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_one_behind_the_other_and_end_with_the_packet() {
        let packet = Packet { pictures: 3, views: 2, side: 5, channels: 4, labels: 7 };
        let starts = [
            packet.tables_at(),
            packet.shown_at(),
            packet.places_at(),
            packet.shares_at(),
            packet.targets_at(),
            packet.bytes(),
        ];
        let sizes = [300, 6 * 4 * 1024, 6 * 160, 12, 12, 84];
        let mut end = 0;
        for (start, size) in starts.into_iter().zip(sizes) {
            assert!(start >= end + size && start < end + size + ALIGNMENT, "{start} after {end}");
            assert_eq!(start % ALIGNMENT, 0);
            end = start;
        }
        let mut memory = vec![0; packet.bytes()];
        packet.put_labels(&mut memory, &[(2, 0.75); 3], &[0.5; 21]);
        assert_eq!(memory[packet.places_at() + 4], 2);
        assert_eq!(memory[packet.targets_at() + 80..][..4], 0.5_f32.to_le_bytes());
        let shown = Shown { picture: 2, hole: [[-1; 4]; 8], ..Shown::default() };
        packet.put_image(&mut memory, 5, &shown, &[1.0; 1024]);
        assert_eq!(memory[packet.shown_at() + 5 * 160 + 24], 2);
        assert_eq!(memory[packet.shown_at() + 6 * 160 - 4..][..4], [255; 4]);
    }

    #[test]
    fn what_a_card_would_read_beyond_the_packet_is_refused() {
        let packet = Packet { pictures: 3, views: 2, side: 5, channels: 1, labels: 2 };
        let refuses = |put: &dyn Fn(&mut [u8])| {
            let put = || put(&mut vec![0; packet.bytes()]);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(put)).is_err()
        };
        let image = |image, picture, holes| {
            let shown = Shown { picture, holes, ..Shown::default() };
            refuses(&|memory| packet.put_image(memory, image, &shown, &[0.0; LEVELS]))
        };
        assert!(!image(5, 2, 8));
        assert!(image(6, 2, 8) && image(5, 3, 8) && image(5, 2, 9));
        let labels = |partners: &[(u32, f32)], targets: usize| {
            refuses(&|memory| packet.put_labels(memory, partners, &vec![0.0; targets]))
        };
        assert!(!labels(&[(2, 0.5); 3], 6) && !labels(&[], 0));
        assert!(labels(&[(3, 0.5); 3], 6) && labels(&[(2, 0.5); 2], 6) && labels(&[], 5));
    }
}
