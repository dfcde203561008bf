//! Label statistics of the real training set.
//!
//! Counted over the 31,072 rows of `train.csv` of the competition "Human Protein Atlas Image
//! Classification" (Kaggle 2018); no row of it is stored here.

/// How many labels there are.
pub(crate) const LABELS: usize = 28;

/// Rows of the table.
pub(crate) const ROWS: u32 = 31_072;

/// Rows with one, two, three, four and five labels.
pub(crate) const CARDINALITIES: [u32; 5] = [15_126, 12_485, 3160, 299, 2];

/// Rows with each label.
pub(crate) const LABEL_COUNTS: [u32; LABELS] = [
    12_885, 1254, 3621, 1561, 1858, 2513, 1008, 2822, 53, 45, 28, 1093, 688, 537, 1066, 21, 530,
    210, 902, 1482, 172, 3777, 802, 2965, 322, 8228, 328, 11,
];

/// Rows with each label and no other.
pub(crate) const SINGLE_LABEL_COUNTS: [u32; LABELS] = [
    2414, 271, 808, 654, 1077, 983, 622, 1163, 31, 17, 0, 601, 232, 157, 484, 0, 27, 0, 314, 522,
    98, 1058, 213, 1653, 122, 1470, 134, 1,
];

/// `PAIR_COUNTS[a][b - a - 1]` rows have both label `a` and the later label `b`.
const PAIR_COUNTS: [&[u32]; LABELS] = [
    &[
        600, 1735, 571, 97, 806, 89, 1092, 5, 0, 0, 259, 200, 178, 217, 12, 286, 75, 279, 614, 58,
        1343, 325, 802, 78, 3631, 115, 7,
    ],
    &[147, 19, 52, 39, 21, 56, 0, 0, 0, 13, 7, 14, 4, 0, 0, 0, 11, 19, 0, 76, 7, 45, 1, 261, 0, 0],
    &[
        4, 48, 59, 79, 189, 11, 0, 0, 81, 25, 14, 74, 10, 48, 7, 18, 56, 6, 216, 52, 226, 12, 782,
        11, 1,
    ],
    &[23, 14, 24, 40, 4, 0, 0, 14, 4, 8, 17, 0, 5, 0, 5, 20, 0, 35, 16, 51, 3, 272, 12, 0],
    &[5, 2, 42, 0, 0, 0, 15, 24, 11, 18, 0, 10, 0, 16, 16, 2, 135, 24, 44, 8, 329, 17, 1],
    &[14, 80, 0, 0, 0, 25, 20, 9, 30, 8, 20, 3, 13, 27, 0, 120, 20, 45, 30, 555, 11, 4],
    &[24, 0, 11, 11, 1, 2, 2, 6, 0, 9, 0, 6, 4, 6, 31, 2, 5, 0, 151, 0, 0],
    &[1, 0, 0, 5, 15, 21, 14, 0, 37, 6, 9, 22, 0, 139, 29, 7, 5, 411, 1, 0],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0],
    &[28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[3, 9, 9, 0, 5, 0, 1, 22, 0, 22, 9, 5, 18, 139, 0, 0],
    &[18, 11, 0, 2, 0, 4, 15, 0, 132, 5, 18, 0, 156, 7, 0],
    &[2, 0, 0, 0, 12, 11, 0, 111, 11, 3, 0, 126, 0, 0],
    &[0, 102, 46, 8, 12, 0, 42, 3, 3, 0, 157, 0, 0],
    &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[77, 26, 13, 0, 38, 14, 9, 6, 150, 2, 0],
    &[49, 10, 0, 27, 1, 3, 0, 76, 0, 0],
    &[0, 0, 62, 11, 15, 10, 258, 2, 0],
    &[0, 74, 14, 35, 1, 276, 0, 1],
    &[0, 0, 17, 0, 9, 0, 0],
    &[125, 69, 9, 921, 16, 0],
    &[18, 5, 109, 0, 0],
    &[4, 197, 3, 2],
    &[53, 0, 0],
    &[54, 0],
    &[0],
    &[],
];

/// Rows with both labels.
#[must_use]
pub(crate) const fn pair_count(one: usize, other: usize) -> u32 {
    if one == other {
        LABEL_COUNTS[one]
    } else if one < other {
        PAIR_COUNTS[one][other - one - 1]
    } else {
        PAIR_COUNTS[other][one - other - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_consistent() {
        assert_eq!(CARDINALITIES.iter().sum::<u32>(), ROWS);
        let positives: u32 = (1..).zip(CARDINALITIES).map(|(size, rows)| size * rows).sum();
        assert_eq!(LABEL_COUNTS.iter().sum::<u32>(), positives);
        assert_eq!(SINGLE_LABEL_COUNTS.iter().sum::<u32>(), CARDINALITIES[0]);
        let pairs: u32 = PAIR_COUNTS.iter().flat_map(|row| row.iter()).sum();
        assert_eq!(pairs, 12_485 + 3 * 3160 + 6 * 299 + 10 * 2);
        assert_eq!((pair_count(9, 10), pair_count(10, 9), pair_count(25, 25)), (28, 28, 8228));
    }
}
