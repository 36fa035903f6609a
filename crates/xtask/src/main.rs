//! Development tasks, called as `cargo xtask TASK`: the test run, the lab, the checks that hold the layers.
//!
//! This file is the map: it reads the arguments and hands over to one module. `test` knows the steps and their
//! order, everything below it is one step or one tool of the steps.

mod arguments;
mod command;
mod console;
mod documents;
mod error;
mod lab;
mod source;
mod test;
mod tidy;
mod tree;
mod workspace;

use std::process::ExitCode;

use arguments::Task;

fn main() -> ExitCode {
    let result = match arguments::parse(std::env::args().skip(1)) {
        Ok(Task::Help) => {
            console::write(arguments::USAGE);
            Ok(true)
        }
        Ok(Task::Lab(arguments)) => lab::run(&arguments),
        Ok(Task::Test(options)) => test::run(&options),
        Err(wrong) => {
            console::line(&format!("xtask: {wrong}\n\n{}", arguments::USAGE.trim_end()));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            console::line(&format!("xtask: {}", error::chain(&error)));
            ExitCode::FAILURE
        }
    }
}
