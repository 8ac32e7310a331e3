use doorward::exchange::encode;
use doorward::upstream::Frame;

fn skip(frame: &Frame) {
    let _ = encode(frame);
}

fn main() {}
