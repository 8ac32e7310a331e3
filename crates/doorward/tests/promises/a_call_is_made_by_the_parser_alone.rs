use doorward::wire::{Call, Head, Message, Version};

fn forge(head: Head, message: Message) -> Call {
    Call { version: Version::V2026_07_28, message, head }
}

fn main() {}
