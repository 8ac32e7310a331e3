use doorward::audit::Recorded;
use doorward::policy::Permit;
use doorward::privacy::Cleared;

fn forge(subject: Cleared<Permit>) -> Recorded<Cleared<Permit>> {
    Recorded { subject }
}

fn main() {}
