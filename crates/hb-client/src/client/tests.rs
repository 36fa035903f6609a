//! The client against a socket that answers as a test wants.

use std::os::unix::net::UnixListener;
use std::thread;

use super::*;

/// A run directory with a listener that hands its first connection to `serve`.
fn with_node<T>(name: &str, serve: impl FnOnce(UnixStream) + Send, ask: impl FnOnce(&Path) -> T) -> T {
    let dir = std::env::temp_dir().join(format!("hb-client-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let socket = dir.join(CONTROL_SOCKET);
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap();
    let answer = thread::scope(|scope| {
        scope.spawn(move || serve(listener.accept().unwrap().0));
        ask(&dir)
    });
    std::fs::remove_dir_all(&dir).unwrap();
    answer
}

fn request_line(stream: &mut UnixStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

#[test]
fn an_accepted_command_gives_its_text() {
    let text = with_node(
        "accepted",
        |mut stream| {
            assert_eq!(request_line(&mut stream), r#"{"request":"standby","set":"foreign"}"#);
            stream.write_all(b"{\"response\":\"accepted\",").unwrap();
            stream.write_all(b"\"text\":\"asked\"}\n").unwrap();
        },
        |dir| Client::connect(dir, Duration::from_secs(5)).unwrap().standby(ResourceSet::Foreign).unwrap(),
    );
    assert_eq!(text, "asked");
}

#[test]
fn a_refusal_keeps_cause_and_text() {
    let error = with_node(
        "refused",
        |mut stream| {
            request_line(&mut stream);
            stream
                .write_all(
                    b"{\"response\":\"refused\",\"cause\":\"configuration\",\"text\":\"ha.cf:3: no\"}\n",
                )
                .unwrap();
        },
        |dir| Client::connect(dir, Duration::from_secs(5)).unwrap().reload().unwrap_err(),
    );
    let ClientError::Refused { cause, text } = error else { panic!("{error}") };
    assert_eq!((cause, text.as_str()), (RefusalCause::Configuration, "ha.cf:3: no"));
}

#[test]
fn a_node_that_never_answers_costs_only_the_time_limit() {
    let error = with_node(
        "silent",
        |mut stream| {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
        },
        |dir| Client::connect(dir, Duration::from_millis(50)).unwrap().status().unwrap_err(),
    );
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
}

#[test]
fn a_stop_waits_until_the_node_is_gone() {
    with_node(
        "stop",
        |mut stream| {
            request_line(&mut stream);
            stream.write_all(b"{\"response\":\"accepted\",\"text\":\"stopping\"}\n").unwrap();
        },
        |dir| Client::connect(dir, Duration::from_secs(5)).unwrap().stop(Duration::from_secs(5)).unwrap(),
    );
}

#[test]
fn a_stop_that_takes_too_long_says_so() {
    let error = with_node(
        "slow-stop",
        |mut stream| {
            request_line(&mut stream);
            stream.write_all(b"{\"response\":\"accepted\",\"text\":\"stopping\"}\n").unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
        },
        |dir| {
            Client::connect(dir, Duration::from_secs(5)).unwrap().stop(Duration::from_millis(50)).unwrap_err()
        },
    );
    assert!(matches!(error, ClientError::StillRunning { .. }), "{error}");
}

#[test]
fn nobody_there_is_not_running() {
    let error = Client::connect(Path::new("/nonexistent/run"), Duration::from_secs(1)).err().unwrap();
    assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let error = with_node(
        "endless",
        |mut stream| {
            let block = vec![b' '; 1 << 16];
            while stream.write_all(&block).is_ok() {}
        },
        |dir| Client::connect(dir, Duration::from_secs(30)).unwrap().status().unwrap_err(),
    );
    assert!(matches!(error, ClientError::TooLong), "{error}");
}
