use doorward::policy::Permit;

fn forge(call: doorward::wire::Call) -> Permit {
    Permit { call }
}

fn main() {}
