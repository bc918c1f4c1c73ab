//! The modules of this package form no circle.

use sevbench_testing::ModuleGraph;
use std::path::Path;

#[test]
fn modules_use_each_other_in_one_direction() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    ModuleGraph::read(&src).assert_acyclic();
}
