mod compute;
mod text;
mod tree;
mod verify;
