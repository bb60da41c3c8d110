//! A matrix product, by halving the result: leaves of much arithmetic, and few forks.
//!
//! Matrices are stored as square tiles, and the result's tiles in Z order, so that each half of
//! them is contiguous.

use super::{Job, Sample, check, random};
use crate::Contender;

/// Rows and columns of a tile: three of them fit the second cache many times.
const TILE: usize = 64;

type Tile = [[f32; TILE]; TILE];

/// A square matrix as a grid of tiles, row by row.
struct Matrix {
    /// Tiles in a row; a power of two.
    width: usize,
    tiles: Vec<Tile>,
}

impl Matrix {
    fn random(width: usize, mut seed: u64) -> Matrix {
        // Small whole numbers divided by a power of two: 12 bits of mantissa.
        let mut element = || (random(&mut seed) >> 52) as f32 / 4_096.0 - 0.5;
        let mut tiles = vec![[[0.0; TILE]; TILE]; width * width];
        tiles.iter_mut().flatten().flatten().for_each(|place| *place = element());
        Matrix { width, tiles }
    }

    fn tile(&self, row: usize, column: usize) -> &Tile {
        &self.tiles[row * self.width + column]
    }
}

/// The row and column of the tile at `index` in Z order: its odd and its even bits.
fn place(index: usize) -> (usize, usize) {
    let even = |bits: usize| {
        let pick = |at: u32| (bits >> (2 * at) & 1) << at;
        (0..usize::BITS / 2).map(pick).sum()
    };
    (even(index >> 1), even(index))
}

/// Computes the tile at `index` of the product.
// Not inlined: every contender must run the same machine code.
#[inline(never)]
fn multiply(a: &Matrix, b: &Matrix, index: usize, out: &mut Tile) {
    let (row, column) = place(index);
    *out = [[0.0; TILE]; TILE];
    for between in 0..a.width {
        let b = b.tile(between, column);
        for (out, a) in out.iter_mut().zip(a.tile(row, between)) {
            for (&a, b) in a.iter().zip(b) {
                for (out, b) in out.iter_mut().zip(b) {
                    *out += a * b;
                }
            }
        }
    }
}

fn serial(a: &Matrix, b: &Matrix, first: usize, out: &mut [Tile]) {
    out.iter_mut().zip(first..).for_each(|(out, index)| multiply(a, b, index, out));
}

per_join! {
    use super::{Matrix, Tile, multiply};

    /// The tiles of the product from the one at `first` in Z order on.
    pub(super) fn product(
        cx: Cx<'_, '_>,
        a: &Matrix,
        b: &Matrix,
        first: usize,
        out: &mut [Tile],
    ) {
        if let [out] = out {
            return multiply(a, b, first, out);
        }
        let middle = out.len() / 2;
        let (low, high) = out.split_at_mut(middle);
        join(
            cx,
            |cx| product(cx, a, b, first, low),
            |cx| product(cx, a, b, first + middle, high),
        );
    }
}

/// Two matrices and their product.
pub(crate) struct Matmul {
    a: Matrix,
    b: Matrix,
    product: Vec<Tile>,
}

impl Matmul {
    /// Of `width` tiles each way, which must be a power of two.
    pub(crate) fn new(width: usize) -> Matmul {
        assert!(width.is_power_of_two(), "{width} tiles have no Z order");
        let (a, b) = (Matrix::random(width, 1), Matrix::random(width, 2));
        let mut product = vec![[[0.0; TILE]; TILE]; width * width];
        serial(&a, &b, 0, &mut product);
        Matmul { a, b, product }
    }
}

impl std::fmt::Debug for Matmul {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matmul").field("width", &self.a.width).finish_non_exhaustive()
    }
}

impl Job for Matmul {
    fn title(&self) -> String {
        let n = self.a.width * TILE;
        format!("product of two {n} x {n} matrices of f32")
    }

    fn run(&self, contender: &Contender) -> Sample {
        let Matmul { a, b, product } = self;
        // Not zeros: their pages would be handed out while the time runs.
        let mut out = vec![[[1.0; TILE]; TILE]; product.len()];
        let (sample, ()) = Sample::wall(|| on_join!(contender, product(a, b, 0, &mut out)));
        check(self, contender, out == *product, true);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_is_that_of_the_definition() {
        let job = Matmul::new(2);
        let at = |m: &Matrix, row: usize, column: usize| {
            f64::from(m.tile(row / TILE, column / TILE)[row % TILE][column % TILE])
        };
        for index in 0..4 {
            let (row, column) = place(index);
            let (row, column) = (row * TILE + 3, column * TILE + 5);
            let sum: f64 = (0..2 * TILE).map(|k| at(&job.a, row, k) * at(&job.b, k, column)).sum();
            let got = f64::from(job.product[index][3][5]);
            assert!((got - sum).abs() < 1e-4, "{got} instead of {sum} in tile {index}");
        }
    }

    #[test]
    fn z_order_visits_each_tile_once() {
        let mut places: Vec<_> = (0..16).map(place).collect();
        assert_eq!(places[..5], [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2)]);
        places.sort_unstable();
        places.dedup();
        assert_eq!((places.len(), places.last()), (16, Some(&(3, 3))));
    }
}
