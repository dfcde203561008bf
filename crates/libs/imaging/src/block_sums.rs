//! Sums over `k × k` blocks of pixels, in integers.
//!
//! Where a square image is downscaled by a whole factor, each output pixel is the exact mean
//! of one block, and no filter weights are needed.

/// Row sums are 16 bits wide: 256 rows of level 255 still fit.
const MAX_BLOCK: usize = 256;

/// The side of the blocks that downscale `width × height` to `side × side`; none if they do
/// not divide the image.
pub(crate) fn block_side(width: usize, height: usize, side: usize) -> Option<usize> {
    let block = width.checked_div(side)?;
    let divides = width == height && width == block * side;
    (divides && (1..=MAX_BLOCK).contains(&block)).then_some(block)
}

/// Calls `visit` with the `width / block` sums of each row of blocks.
pub(crate) fn for_each_row_of_sums(
    samples: &[u8],
    width: usize,
    block: usize,
    mut visit: impl FnMut(&[u32]),
) {
    let mut column_sums = vec![0u16; width];
    let mut block_sums = vec![0u32; width / block];
    for rows in samples.chunks_exact(width * block) {
        column_sums.fill(0);
        for row in rows.chunks_exact(width) {
            for (sum, &level) in column_sums.iter_mut().zip(row) {
                *sum += u16::from(level);
            }
        }
        match block {
            2 => sum_blocks::<2>(&column_sums, &mut block_sums),
            4 => sum_blocks::<4>(&column_sums, &mut block_sums),
            16 => sum_blocks::<16>(&column_sums, &mut block_sums),
            _ => {
                for (columns, sum) in column_sums.chunks_exact(block).zip(&mut block_sums) {
                    *sum = total(columns);
                }
            }
        }
        visit(&block_sums);
    }
}

/// With the block side known at compile time, the sums are vectorised.
fn sum_blocks<const BLOCK: usize>(column_sums: &[u16], block_sums: &mut [u32]) {
    for (columns, sum) in column_sums.as_chunks::<BLOCK>().0.iter().zip(block_sums) {
        *sum = total(columns);
    }
}

fn total(sums: &[u16]) -> u32 {
    sums.iter().map(|&sum| u32::from(sum)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(samples: &[u8], width: usize, block: usize) -> Vec<u32> {
        let mut sums = Vec::new();
        for_each_row_of_sums(samples, width, block, |row| sums.extend(row));
        sums
    }

    #[test]
    fn the_sums_are_those_of_the_blocks() {
        let samples: Vec<u8> = (0..36).collect();
        assert_eq!(sums(&samples, 6, 3), [63, 90, 225, 252]);
        assert_eq!(sums(&samples, 6, 6), [630]);
        assert_eq!(sums(&samples, 6, 1), (0..36).collect::<Vec<u32>>());
        assert_eq!(sums(&vec![255; 256 * 256], 256, 256), [255 * 256 * 256]);
    }

    #[test]
    fn only_whole_factors_of_at_most_256_have_blocks() {
        assert_eq!(block_side(6, 6, 2), Some(3));
        assert_eq!(block_side(256, 256, 1), Some(256));
        for (width, height, side) in [(6, 6, 4), (6, 6, 12), (6, 4, 2), (257, 257, 1), (6, 6, 0)] {
            assert_eq!(block_side(width, height, side), None);
        }
    }
}
