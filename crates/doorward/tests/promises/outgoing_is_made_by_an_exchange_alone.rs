use doorward::upstream::Outgoing;
use doorward::wire::Message;

fn forge(message: Message) -> Outgoing {
    Outgoing { id: None, message }
}

fn main() {}
