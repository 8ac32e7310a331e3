use doorward::policy::{PathPermit, Pace};

fn forge() -> (PathPermit, Pace) {
    (PathPermit {}, Pace {})
}

fn main() {}
