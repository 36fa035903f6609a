//! Draws the picture: meant for 80 columns and 24 lines, better with more. Decides nothing.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::{Block, BorderType, Paragraph};

use crate::live::actions::Wounds;
use crate::live::picture::{Mood, NodePicture, Picture};
use crate::probe::Beat;

/// Draws everything; `chosen` is the node that keys act on.
pub(super) fn draw(frame: &mut Frame, picture: &Picture, wounds: &[Wounds], chosen: usize) {
    let [title, nodes, client, events, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(6),
        Constraint::Length(9),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(" hb lab: two nodes, one client".bold(), title);
    frame.render_widget(Text::from(format!("{} ", picture.times)).right_aligned().dim(), title);
    let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas::<2>(nodes);
    for (index, (node, area)) in picture.nodes.iter().zip(halves).enumerate() {
        let wounds = wounds.get(index).copied().unwrap_or_default();
        draw_node(frame, area, node, wounds, (index, index == chosen));
    }
    draw_client(frame, client, picture);
    draw_events(frame, events, picture);
    frame.render_widget(Paragraph::new(key_line()), keys);
}

fn draw_node(
    frame: &mut Frame,
    area: Rect,
    node: &NodePicture,
    wounds: Wounds,
    (index, chosen): (usize, bool),
) {
    let color = color_of(index);
    let title = format!(" {} {} ", index + 1, node.name);
    let block = if chosen {
        Block::bordered().border_type(BorderType::Thick).border_style(Style::new().fg(color))
    } else {
        Block::bordered().border_style(Style::new().dim())
    };
    let block = block
        .title(title.fg(color).bold())
        .title_bottom(Text::from(format!(" {} ", node.program)).right_aligned().dim());
    let (word, mood) = match node.mood {
        Mood::Good => ("●", Color::Green),
        Mood::Moving => ("●", Color::Yellow),
        Mood::Bad => ("●", Color::Red),
    };
    let mut state = vec![Span::styled(word, mood), Span::raw(format!(" {}", node.state))];
    for (on, word) in [(wounds.cut, " CABLE CUT "), (wounds.hung, " HANGS ")] {
        if on {
            state.push(" ".into());
            state.push(Span::styled(word, Style::new().fg(Color::White).bg(Color::Red)));
        }
    }
    let holds =
        node.holds.iter().map(|address| Span::styled(format!("{address}  "), Style::new().fg(color).bold()));
    let lines = vec![
        Text::from(state),
        Text::from(Span::raw(format!("  {}", node.peer)).dim()),
        Text::default(),
        [Span::raw("addresses: ")].into_iter().chain(holds).collect::<Text>(),
    ];
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_client(frame: &mut Frame, area: Rect, picture: &Picture) {
    let sight = &picture.sight;
    let address = picture.probed.map(|address| address.to_string()).unwrap_or_default();
    let title = format!(" client: asks {address} 4000 times a second ");
    let width = usize::from(area.width.saturating_sub(LABEL + 3)).min(60);
    let silent = sight.silence_ns() > SILENT_NS;
    let now = if silent {
        let ms = Duration::from_nanos(sight.silence_ns()).as_millis();
        Span::styled(format!(" no answer for {ms} ms "), Style::new().fg(Color::White).bg(Color::Red).bold())
    } else {
        let node = sight.last_node().unwrap_or_default();
        let color = color_of(sight.nodes.iter().position(|name| name == node).unwrap_or(0));
        Span::styled(format!("served by {node}"), Style::new().fg(color).bold())
    };
    let rate = answers_a_second(&sight.beats);
    let mut lines =
        vec![Text::from(vec![now, Span::raw(format!("   {rate} answers/s   lost {}", sight.lost))])];
    let columns = columns(&sight.beats, width);
    let names = sight.nodes.iter().take(2).enumerate();
    for (index, name) in names {
        let row = columns.iter().map(|column| column.answers.get(index).copied().unwrap_or(0.0));
        lines.push(row_of(name, row, color_of(index)));
    }
    lines.push(row_of("nobody", columns.iter().map(|column| column.lost), Color::Red));
    lines.push(row_of("both", columns.iter().map(|column| column.both), Color::Magenta));
    let scale = format!(
        "{:>label$} {:<half$}{:>rest$}",
        "",
        "60 s ago",
        "now",
        label = usize::from(LABEL),
        half = width / 2,
        rest = width - width / 2
    );
    lines.push(Text::from(scale).dim());
    let last = match &picture.last_interruption {
        Some(last) => {
            let way =
                if last.from == last.to { last.to.clone() } else { format!("{} to {}", last.from, last.to) };
            format!("interruptions: {}, the last one {:.1} ms ({way})", picture.interruptions, last.ms)
        }
        None => "no interruption yet".to_owned(),
    };
    lines.push(Text::from(last));
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title.bold())), area);
}

fn draw_events(frame: &mut Frame, area: Rect, picture: &Picture) {
    let room = usize::from(area.height.saturating_sub(2));
    let skipped = picture.events.len().saturating_sub(room);
    let lines: Vec<_> = picture
        .events
        .iter()
        .skip(skipped)
        .map(|line| {
            let told =
                picture.nodes.iter().any(|node| node.name == line.who) && !line.text.starts_with("lab: ");
            let color =
                picture.nodes.iter().position(|node| node.name == line.who).map_or(Color::Reset, color_of);
            Text::from(vec![
                Span::raw(format!("{:>7.2} ", line.at_s)).dim(),
                Span::styled(format!("{:<6} ", line.who), color),
                // What was done and what came of it stands out from what the nodes tell.
                Span::styled(
                    line.text.replace('\t', " "),
                    if told { Modifier::empty() } else { Modifier::BOLD },
                ),
            ])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" events ".bold())), area);
}

fn key_line() -> Text<'static> {
    let keys = [
        ("1 2", "node"),
        ("c", "crash"),
        ("x", "cable"),
        ("s", "stop"),
        ("h", "hang"),
        ("k", "kill -9"),
        ("r", "restart"),
        ("q", "quit"),
    ];
    let spans = keys.into_iter().flat_map(|(key, word)| {
        [Span::styled(format!(" {key} "), Modifier::REVERSED), Span::raw(format!("{word} "))]
    });
    spans.collect()
}

/// One second of the time line, as shares from 0 to 1.
struct Column {
    answers: Vec<f64>,
    lost: f64,
    both: f64,
}

/// The last `width` seconds; the last column is the current second.
fn columns(beats: &[Beat], width: usize) -> Vec<Column> {
    let Some(now) = beats.last().map(|beat| beat.tenth / 10) else { return Vec::new() };
    (0..width as u64)
        .map(|column| {
            let second = (now + 1 + column).saturating_sub(width as u64);
            let mine: Vec<_> = beats.iter().filter(|beat| beat.tenth / 10 == second).collect();
            let sent: u32 = mine.iter().map(|beat| beat.sent).sum();
            let share = |count: u32| f64::from(count) / f64::from(sent.max(1));
            let of = |index: usize| mine.iter().filter_map(|beat| beat.answers.get(index)).sum::<u32>();
            let answers: Vec<_> = (0..2).map(|index| share(of(index))).collect();
            // Some answers of the last moment are still under way.
            let lost = (1.0 - answers.iter().sum::<f64>()).max(0.0);
            let lost = if sent == 0 || lost < 0.004 { 0.0 } else { lost };
            // There is one round of direct probes to four routed ones.
            let both = share(mine.iter().map(|beat| beat.both).sum()) * 4.0;
            Column { answers, lost, both }
        })
        .collect()
}

fn row_of(name: &str, shares: impl Iterator<Item = f64>, color: Color) -> Text<'static> {
    let bars: String = shares.map(bar).collect();
    let label = format!("{name:>label$} ", label = usize::from(LABEL));
    Text::from(vec![Span::styled(label, color), Span::styled(bars, color)])
}

/// A share as a bar of eighths; the smallest one is visible too.
fn bar(share: f64) -> char {
    let bars =
        [(0.999, '█'), (0.8, '▇'), (0.65, '▆'), (0.5, '▅'), (0.35, '▄'), (0.2, '▃'), (0.08, '▂'), (0.0, '▁')];
    bars.into_iter().find(|(from, _)| share > *from).map_or(' ', |(_, bar)| bar)
}

fn answers_a_second(beats: &[Beat]) -> u32 {
    // The current tenth is not over.
    beats.iter().rev().skip(1).take(10).flat_map(|beat| &beat.answers).sum()
}

fn color_of(index: usize) -> Color {
    if index == 0 { Color::Cyan } else { Color::Yellow }
}

/// Columns of the names in the time line.
const LABEL: u16 = 8;
/// Silence that is shown as such.
const SILENT_NS: u64 = 50_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::picture::{Interruption, Line};
    use crate::probe::{Interval, Sight, Spell};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn picture() -> Picture {
        let node = |name: &str, holds: &[u8]| NodePicture {
            name: name.to_owned(),
            program: "hb-node",
            mood: Mood::Good,
            state: "active, holds all".to_owned(),
            peer: "sees beta dead, heard 12034 ms ago".to_owned(),
            holds: holds.iter().map(|last| [10, 77, 0, *last].into()).collect(),
        };
        let beat = |tenth| Beat {
            tenth,
            sent: 400,
            answers: match tenth {
                0..300 => vec![400, 0],
                300..310 => vec![0, 0],
                _ => vec![0, 400],
            },
            both: if (400..405).contains(&tenth) { 100 } else { 0 },
        };
        let spell = Spell { node: "beta".into(), time: Interval::default(), answers: 9 };
        let sight = Sight {
            nodes: vec!["alpha".into(), "beta".into()],
            beats: (0..600).map(beat).collect(),
            spells: vec![spell],
            last_answer_ns: Some(0),
            lost: 4000,
            ..Sight::default()
        };
        let event = |text: &str| Line { at_s: 31.25, who: "beta".into(), text: text.into() };
        Picture {
            nodes: vec![node("alpha", &[]), node("beta", &[100, 101])],
            probed: Some([10, 77, 0, 100].into()),
            times: "keepalive 200ms  deadtime 1s".into(),
            sight,
            events: (0..30).map(|n| event(&format!("event {n}"))).collect(),
            interruptions: 1,
            last_interruption: Some(Interruption { ms: 1012.3, from: "alpha".into(), to: "beta".into() }),
        }
    }

    fn screen(width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let wounds = [Wounds { cut: true, hung: false }, Wounds::default()];
        terminal.draw(|frame| draw(frame, &picture(), &wounds, 0)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        (0..height)
            .map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned())
            .collect()
    }

    #[test]
    fn everything_is_on_a_screen_of_80_by_24() {
        let lines = screen(80, 24);
        let all = lines.join("\n");
        for text in [
            "alpha",
            "CABLE CUT",
            "10.77.0.100  10.77.0.101",
            "served by beta   4000 answers/s   lost 4000",
            "interruptions: 1, the last one 1012.3 ms (alpha to beta)",
            "event 29",
            " q quit",
        ] {
            assert!(all.contains(text), "{text} is missing in\n{all}");
        }
        let row =
            |name: &str| lines.iter().find(|line| line.contains(&format!("  {name} "))).unwrap().clone();
        assert_eq!(row("alpha").matches('█').count(), 30);
        assert_eq!(row("nobody").matches('█').count(), 1);
        assert_eq!(row("both").matches('▄').count(), 1);
    }

    #[test]
    fn a_tiny_screen_is_no_reason_to_fall() {
        for (width, height) in [(1, 1), (10, 5), (40, 12), (200, 60)] {
            assert_eq!(screen(width, height).len(), usize::from(height));
        }
    }
}
