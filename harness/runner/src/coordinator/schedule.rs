//! Pure: the seed decides every order. A boot shuffles the guests and the benches, a round the
//! arms.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The order in one boot block, as indices into the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BootOrder {
    /// The order in which the guests boot.
    pub boot_arms: Vec<usize>,
    /// The order in which the benches run.
    pub benches: Vec<BenchOrder>,
}

/// The order of arms for one bench in one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BenchOrder {
    /// The index of the bench in the plan.
    pub bench: usize,
    /// The order of arms in set-up and warm-up.
    pub setup_arms: Vec<usize>,
    /// The order of arms in each round.
    pub rounds: Vec<Vec<usize>>,
}

/// The numbers of arms, benches and rounds to put in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent<'a> {
    pub arms: usize,
    /// Those of each bench.
    pub rounds: &'a [u32],
}

/// The order of boot block `boot`. It depends on the seed alone, not on the blocks before it.
pub(crate) fn boot_order(seed: u64, boot: u32, extent: Extent<'_>) -> BootOrder {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(boot));
    let boot_arms = shuffled(extent.arms, &mut rng);
    let benches = shuffled(extent.rounds.len(), &mut rng)
        .into_iter()
        .map(|bench| BenchOrder {
            bench,
            setup_arms: shuffled(extent.arms, &mut rng),
            rounds: (0..extent.rounds[bench]).map(|_| shuffled(extent.arms, &mut rng)).collect(),
        })
        .collect();
    BootOrder { boot_arms, benches }
}

fn shuffled(len: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.shuffle(rng);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent<'_> = Extent { arms: 2, rounds: &[40; 5] };

    #[test]
    fn schedule_follows_from_seed_and_boot() {
        assert_eq!(boot_order(7, 3, EXTENT), boot_order(7, 3, EXTENT));
        assert_ne!(boot_order(7, 3, EXTENT), boot_order(7, 4, EXTENT));
        assert_ne!(boot_order(7, 3, EXTENT), boot_order(8, 3, EXTENT));
    }

    #[test]
    fn every_bench_runs_once_and_every_round_has_every_arm() {
        let order = boot_order(1, 0, EXTENT);
        let mut benches: Vec<_> = order.benches.iter().map(|bench| bench.bench).collect();
        benches.sort_unstable();
        assert_eq!(benches, [0, 1, 2, 3, 4]);
        for bench in &order.benches {
            assert_eq!(bench.rounds.len(), 40);
            for arms in &bench.rounds {
                assert!(arms == &[0, 1] || arms == &[1, 0]);
            }
        }
    }

    #[test]
    fn benches_have_their_own_numbers_of_rounds() {
        let order = boot_order(1, 0, Extent { arms: 2, rounds: &[3, 1, 7] });
        for bench in &order.benches {
            assert_eq!(bench.rounds.len(), [3, 1, 7][bench.bench]);
        }
    }

    #[test]
    fn each_arm_goes_first_in_half_of_the_rounds() {
        let firsts: usize = (0..50)
            .flat_map(|boot| boot_order(1, boot, EXTENT).benches)
            .flat_map(|bench| bench.rounds)
            .filter(|arms| arms[0] == 0)
            .count();
        // 10,000 rounds: five standard deviations are 250.
        assert!((4_750..=5_250).contains(&firsts), "{firsts}");
    }
}
