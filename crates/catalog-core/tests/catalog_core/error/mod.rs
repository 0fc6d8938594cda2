mod chain;
mod codes;
