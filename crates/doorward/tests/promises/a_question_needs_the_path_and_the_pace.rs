use doorward::policy::{PathPermit, Pace};

fn forge() -> (PathPermit, Pace) {
    (PathPermit { _private: () }, Pace { _private: () })
}

fn main() {}
