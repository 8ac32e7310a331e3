use doorward::exchange::encode;
use doorward::wire::Message;

fn skip(message: &Message) {
    let _ = encode(message);
}

fn main() {}
