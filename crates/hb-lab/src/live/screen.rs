//! The live lab in a terminal: keys come in, the picture goes out ten times a second.
//!
//! Asking a hung node takes time, and so do some actions: both happen beside the drawing, never in its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::cluster::Cluster;
use crate::live::actions::{Action, Wounds};
use crate::live::picture::{NodePicture, Painter};
use crate::live::view;
use crate::options::LabOptions;
use crate::probe::Sight;
use crate::probe::runner::now_ns;
use crate::{Agent, LabError};

/// Runs until the user quits.
pub(crate) async fn screen(options: &LabOptions, agent: Agent) -> Result<(), LabError> {
    let cluster = Arc::new(Cluster::build(agent, options.programs()?, options.files()?).await?);
    for node in &cluster.nodes {
        node.start().await?;
    }
    let mut terminal = ratatui::try_init().map_err(LabError::Output)?;
    let ended = Arc::new(AtomicBool::new(false));
    let result = watch(&cluster, &mut terminal, &ended).await;
    ended.store(true, Ordering::Relaxed);
    // Nothing more can be done for a terminal that is gone.
    let _gone = ratatui::try_restore();
    result
}

/// What happens beside the drawing.
enum News {
    Key(char),
    Quit,
    Nodes(Vec<NodePicture>),
    Sight(Box<Sight>),
    Done { node: String, text: String },
}

async fn watch(
    cluster: &Arc<Cluster>,
    terminal: &mut DefaultTerminal,
    ended: &Arc<AtomicBool>,
) -> Result<(), LabError> {
    let (tell, mut news) = mpsc::channel(NEWS);
    read_keys(tell.clone(), Arc::clone(ended))?;
    let watchers = [
        tokio::spawn(watch_nodes(Arc::clone(cluster), tell.clone())),
        tokio::spawn(watch_probe(Arc::clone(cluster), tell.clone())),
    ];
    let mut painter = Painter::new(cluster, now_ns());
    painter.tell(now_ns(), "lab", "both nodes start; when both are active, hurt one");
    let wounds = Arc::new(Mutex::new([Wounds::default(); 2]));
    let mut shown = [Wounds::default(); 2];
    let mut chosen = 0;
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(LabError::Runtime)?;
    loop {
        tokio::select! {
            _ = frames.tick() => {
                painter.logs(now_ns());
                if let Ok(wounds) = wounds.try_lock() {
                    shown = *wounds;
                }
                terminal
                    .draw(|frame| view::draw(frame, &painter.picture, &shown, chosen))
                    .map_err(LabError::Output)?;
            }
            _ = terminate.recv() => break,
            Some(news) = news.recv() => match news {
                News::Quit => break,
                News::Key('1') => chosen = 0,
                News::Key('2') => chosen = 1,
                News::Key(key) => if let Some(action) = Action::of_key(key) {
                    tokio::spawn(act(Arc::clone(cluster), Arc::clone(&wounds), chosen, action, tell.clone()));
                },
                News::Nodes(nodes) => painter.nodes(nodes),
                News::Sight(sight) => painter.sight(*sight),
                News::Done { node, text } => painter.tell(now_ns(), &node, &text),
            },
        }
    }
    for watcher in watchers {
        watcher.abort();
    }
    Ok(())
}

async fn act(
    cluster: Arc<Cluster>,
    wounds: Arc<Mutex<[Wounds; 2]>>,
    chosen: usize,
    action: Action,
    tell: mpsc::Sender<News>,
) {
    let Some(node) = cluster.nodes.get(chosen) else { return };
    // One after the other: two quick keys must not act on each other's half-done work.
    let mut all = wounds.lock().await;
    let Some(mine) = all.get_mut(chosen) else { return };
    let text = match action.perform(&cluster, node, mine).await {
        Ok(done) => format!("lab: {done}"),
        Err(error) => format!("lab: {error}"),
    };
    // Fails only when the screen is closed.
    let _closed = tell.send(News::Done { node: node.host().name().to_owned(), text }).await;
}

async fn watch_nodes(cluster: Arc<Cluster>, tell: mpsc::Sender<News>) {
    loop {
        let [alpha, beta] = &cluster.nodes;
        let (alpha, beta) = tokio::join!(NodePicture::of(alpha), NodePicture::of(beta));
        if tell.send(News::Nodes(vec![alpha, beta])).await.is_err() {
            return;
        }
        sleep(FRAME).await;
    }
}

async fn watch_probe(cluster: Arc<Cluster>, tell: mpsc::Sender<News>) {
    while let Ok(sight) = cluster.probe.look_back().await {
        if tell.send(News::Sight(Box::new(sight))).await.is_err() {
            return;
        }
        sleep(FRAME).await;
    }
    let text = "the probe has ended".to_owned();
    let _closed = tell.send(News::Done { node: "client".to_owned(), text }).await;
}

/// Keys are read by a thread of their own: the terminal cannot be waited for in any other way.
fn read_keys(tell: mpsc::Sender<News>, ended: Arc<AtomicBool>) -> Result<(), LabError> {
    let read = move || {
        while !ended.load(Ordering::Relaxed) {
            let ready = event::poll(FRAME);
            let read = ready.and_then(|ready| if ready { event::read().map(Some) } else { Ok(None) });
            let news = match read {
                Ok(Some(Event::Key(key))) => news_of(key),
                Ok(_) => None,
                Err(_terminal_gone) => Some(News::Quit),
            };
            let Some(news) = news else { continue };
            if tell.blocking_send(news).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("keys".into()).spawn(read).map(drop).map_err(LabError::Runtime)
}

fn news_of(key: KeyEvent) -> Option<News> {
    let KeyCode::Char(letter) = key.code else {
        return (key.code == KeyCode::Esc).then_some(News::Quit);
    };
    let interrupt = letter == 'c' && key.modifiers.contains(KeyModifiers::CONTROL);
    let pressed = key.kind == KeyEventKind::Press;
    pressed.then_some(if interrupt || letter == 'q' { News::Quit } else { News::Key(letter) })
}

const FRAME: Duration = Duration::from_millis(100);
const NEWS: usize = 64;
