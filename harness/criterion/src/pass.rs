//! One pass over the groups: it lists all benches, or runs a single one.
//!
//! Criterion's groups are functions without arguments, so the pass is in a variable of the thread.

use crate::config::Config;
use crate::ids::Ids;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ptr::NonNull;

/// A bench that a pass has found.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) config: Config,
}

/// What a pass over all groups finds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) benches: Vec<Listed>,
    /// The calls that have no meaning here.
    pub(crate) ignored: BTreeSet<&'static str>,
    /// Why benches cannot be measured at all.
    pub(crate) refused: Option<String>,
}

/// Sevbench's bencher. Its true lifetime is that of a pass; nothing outside of this crate gets it.
pub(crate) type RemoteBencher = sevbench::Bencher<'static>;

enum Pass {
    List(Listing),
    Run {
        id: String,
        /// It outlives the pass. `None` once the bench has run.
        bencher: Option<NonNull<RemoteBencher>>,
    },
}

/// The exit status for benches that cannot be measured here.
pub(crate) const USAGE: i32 = 2;

thread_local! {
    static PASS: RefCell<Option<(Pass, Ids)>> = const { RefCell::new(None) };
}

/// Restores the thread to what it was, also if a group panics.
struct Restore(Option<(Pass, Ids)>);

impl Drop for Restore {
    fn drop(&mut self) {
        PASS.with_borrow_mut(|pass| *pass = self.0.take());
    }
}

/// Runs the groups and lists their benches.
pub(crate) fn list(groups: &[fn()]) -> Listing {
    let before =
        PASS.with_borrow_mut(|pass| pass.replace((Pass::List(Listing::default()), Ids::default())));
    let restore = Restore(before);
    groups.iter().for_each(|group| group());
    let pass = PASS.with_borrow_mut(Option::take);
    drop(restore);
    match pass {
        Some((Pass::List(listing), _)) => listing,
        _ => Listing::default(),
    }
}

/// Runs the groups, and of their benches the one with this id. Returns whether there was one.
pub(crate) fn run(groups: &[fn()], id: &str, bencher: &mut sevbench::Bencher<'_>) -> bool {
    let pass = Pass::Run { id: id.into(), bencher: Some(NonNull::from(bencher).cast()) };
    let before = PASS.with_borrow_mut(|slot| slot.replace((pass, Ids::default())));
    let _restore = Restore(before);
    groups.iter().for_each(|group| group());
    PASS.with_borrow(|pass| matches!(pass, Some((Pass::Run { bencher: None, .. }, _))))
}

/// Called for each bench of a group: lists it, runs it, or passes it by. Ends the process if
/// nothing would ever run it.
pub(crate) fn visit(parts: &[&str], config: Config, measure: impl FnOnce(&mut RemoteBencher)) {
    require_pass();
    let wanted = PASS.with_borrow_mut(|pass| {
        let (pass, ids) = pass.as_mut()?;
        let id = ids.next(parts);
        match pass {
            Pass::List(listing) => {
                listing.benches.push(Listed { id, config });
                None
            }
            Pass::Run { id: wanted, bencher } if *wanted == id => bencher.take(),
            Pass::Run { .. } => None,
        }
    });
    if let Some(mut bencher) = wanted {
        // SAFETY: `run` made the pointer from a unique reference that it holds until the pass is
        // over, and each id occurs once in a pass, so no other reference exists. What the closure
        // of a bench gets is for any lifetime, so it cannot keep it, and it does not reach what is
        // inside.
        measure(unsafe { bencher.as_mut() });
    }
}

/// Notes a call that has no meaning here.
pub(crate) fn ignore(call: &'static str) {
    change_listing(|listing| _ = listing.ignored.insert(call));
}

/// Notes why the benches cannot be measured.
pub(crate) fn refuse(reason: String) {
    change_listing(|listing| listing.refused = Some(reason));
}

/// Ends the process if no pass is under way on this thread.
pub(crate) fn require_pass() {
    if PASS.with_borrow(Option::is_none) {
        eprintln!(
            "error: sevbench measures only benches that criterion_main! runs, on its thread: use it \
             as `main`, and declare benches in its groups"
        );
        std::process::exit(USAGE);
    }
}

fn change_listing(change: impl FnOnce(&mut Listing)) {
    PASS.with_borrow_mut(|pass| {
        if let Some((Pass::List(listing), _)) = pass {
            change(listing);
        }
    });
}
