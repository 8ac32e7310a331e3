use doorward::policy::Policy;
use doorward::{Doorman, GuardBuilder};

fn skip(policy: Policy) {
    let _guard = GuardBuilder::new().admit(Doorman::loopback(8700)).permit(policy);
}

fn main() {}
