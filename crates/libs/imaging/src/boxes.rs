//! Averages over whole boxes of pixels, in integers.
//!
//! Where a side of the source is a whole multiple of the side that is wanted, an output
//! pixel covers whole source pixels: its level is the exact mean, and no weights are needed.

/// Rows are summed in 16 bits: 256 rows of 255 still fit.
const MAX_FACTOR: usize = 256;

/// Hands the sums over the boxes of `factor × factor` pixels to `take`, row by row.
///
/// Nothing is done and `false` returned where the square does not fall into such boxes.
pub(crate) fn each_row_of_sums(
    samples: &[u8],
    (width, height): (usize, usize),
    side: usize,
    mut take: impl FnMut(&[u32]),
) -> bool {
    let factor = width / side;
    if width != height || factor == 0 || !width.is_multiple_of(side) || factor > MAX_FACTOR {
        return false;
    }
    let (mut columns, mut sums) = (vec![0u16; width], vec![0u32; side]);
    for rows in samples.chunks_exact(width * factor) {
        columns.fill(0);
        for row in rows.chunks_exact(width) {
            for (sum, &level) in columns.iter_mut().zip(row) {
                *sum += u16::from(level);
            }
        }
        match factor {
            2 => join::<2>(&columns, &mut sums),
            4 => join::<4>(&columns, &mut sums),
            16 => join::<16>(&columns, &mut sums),
            _ => columns
                .chunks_exact(factor)
                .zip(&mut sums)
                .for_each(|(columns, sum)| *sum = total(columns)),
        }
        take(&sums);
    }
    true
}

/// With a factor that the compiler knows, the sums become vector instructions.
fn join<const FACTOR: usize>(columns: &[u16], sums: &mut [u32]) {
    let boxes = columns.as_chunks::<FACTOR>().0;
    boxes.iter().zip(sums).for_each(|(columns, sum)| *sum = total(columns));
}

fn total(sums: &[u16]) -> u32 {
    sums.iter().map(|&sum| u32::from(sum)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_boxes() {
        let samples: Vec<u8> = (0..36).collect();
        let sums = |side| {
            let mut sums = Vec::new();
            let whole = each_row_of_sums(&samples, (6, 6), side, |row| sums.extend(row));
            (whole, sums)
        };
        assert_eq!(sums(2), (true, vec![63, 90, 225, 252]));
        assert_eq!(sums(1), (true, vec![630]));
        assert_eq!(sums(6), (true, samples.iter().map(|&level| level.into()).collect()));
        assert_eq!(sums(4), (false, vec![]));
        assert_eq!(sums(12), (false, vec![]));
    }

    #[test]
    fn the_largest_boxes_do_not_overflow() {
        let mut sums: Vec<u32> = Vec::new();
        assert!(each_row_of_sums(&vec![255; 256 * 256], (256, 256), 1, |row| sums.extend(row)));
        assert_eq!(sums, [255 * 256 * 256]);
        assert!(!each_row_of_sums(&vec![255; 257 * 257], (257, 257), 1, |_| {}));
    }
}
