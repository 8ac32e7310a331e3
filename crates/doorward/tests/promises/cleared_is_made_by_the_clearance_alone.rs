use doorward::policy::Permit;
use doorward::privacy::Cleared;

fn forge(carrier: Permit) -> Cleared<Permit> {
    Cleared { carrier }
}

fn main() {}
