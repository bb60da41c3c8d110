//! Gravity between all pairs of bodies: a loop over the bodies for each step of time.

use std::sync::Mutex;

use super::{Job, Sample, check, random};
use crate::Contender;

/// Bodies in a chunk: some 300 µs of work.
const GRAIN: usize = 32;
/// Keeps bodies that meet from being flung away.
const SOFTENING: f64 = 1e-3;
const STEP: f64 = 1e-3;

type Vector = [f64; 3];

#[derive(Clone, Copy, Debug, PartialEq)]
struct Body {
    position: Vector,
    velocity: Vector,
    mass: f64,
}

/// Bodies at rest, how many steps they are watched for, and where they are then.
#[derive(Debug)]
pub(crate) struct Nbody {
    bodies: Vec<Body>,
    steps: u32,
    moved: Vec<Body>,
}

impl Nbody {
    pub(crate) fn new(bodies: usize, steps: u32) -> Nbody {
        let mut seed = 3;
        let mut coordinate = || (random(&mut seed) >> 11) as f64 / (1_u64 << 53) as f64;
        let mass = 1.0 / bodies as f64;
        let body = |_| Body {
            position: [coordinate(), coordinate(), coordinate()],
            velocity: [0.0; 3],
            mass,
        };
        let bodies: Vec<_> = (0..bodies).map(body).collect();
        let mut moved = bodies.clone();
        for _ in 0..steps {
            let mut pulls = vec![[0.0; 3]; bodies.len()];
            attract(&moved, 0, &mut pulls);
            advance(&mut moved, &pulls);
        }
        Nbody { bodies, steps, moved }
    }
}

/// The pull of all bodies on those from `first` on.
// Not inlined: every contender must run the same machine code.
#[inline(never)]
fn attract(bodies: &[Body], first: usize, pulls: &mut [Vector]) {
    for (body, pull) in bodies[first..].iter().zip(pulls) {
        *pull = [0.0; 3];
        for other in bodies {
            let way: Vector =
                std::array::from_fn(|axis| other.position[axis] - body.position[axis]);
            let square = way.iter().map(|x| x * x).sum::<f64>() + SOFTENING;
            let strength = other.mass / (square * square.sqrt());
            pull.iter_mut().zip(way).for_each(|(pull, way)| *pull += strength * way);
        }
    }
}

fn advance(bodies: &mut [Body], pulls: &[Vector]) {
    for (body, pull) in bodies.iter_mut().zip(pulls) {
        let axes = body.position.iter_mut().zip(&mut body.velocity).zip(pull);
        for ((position, velocity), pull) in axes {
            *velocity += STEP * pull;
            *position += STEP * *velocity;
        }
    }
}

impl Job for Nbody {
    fn title(&self) -> String {
        format!("{} bodies, all pairs, {} steps", self.bodies.len(), self.steps)
    }

    fn run(&self, contender: &Contender) -> Sample {
        let mut bodies = self.bodies.clone();
        let mut pulls = vec![[0.0; 3]; bodies.len()];
        let (sample, ()) = Sample::wall(|| {
            for _ in 0..self.steps {
                // Whoever has a chunk is the only one to want its lock.
                let chunks: Vec<_> = pulls.chunks_mut(GRAIN).map(Mutex::new).collect();
                contender.parallel_for(0..bodies.len(), GRAIN, &|chunk| {
                    let mut pulls = chunks[chunk.start / GRAIN].lock().expect("nobody panics");
                    attract(&bodies, chunk.start, &mut pulls);
                });
                drop(chunks);
                advance(&mut bodies, &pulls);
            }
        });
        check(self, contender, bodies == self.moved, true);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn momentum_is_conserved() {
        let job = Nbody::new(50, 10);
        for axis in 0..3 {
            let momentum: f64 = job.moved.iter().map(|body| body.mass * body.velocity[axis]).sum();
            let moved = job.moved.iter().map(|body| body.velocity[axis].abs()).sum::<f64>();
            assert!(momentum.abs() < 1e-12 && moved > 1e-3, "{momentum}, {moved}");
        }
    }
}
