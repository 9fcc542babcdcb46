// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `load ceiling`: what the kernel takes for bytes over loopback, which no broker can go below.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use super::cpu_time;
use super::histogram::Histogram;

/// Prints the CPU time of sending and receiving once, for several sizes, and the time of a message there and back.
pub fn command() -> ExitCode {
    match print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loopback: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print() -> io::Result<()> {
    println!("CPU time of one send and one receive over loopback, both on one thread:");
    for size in SIZES {
        println!(
            "{size:>8} bytes {:>10.2} us",
            micros(send_and_receive(size)?)
        );
    }
    let ping_pong = ping_pong()?;
    println!(
        "64 bytes to another thread and back, which wakes both up: p50 {:.1} us, p99 {:.1} us",
        micros(ping_pong.quantile(0.5)),
        micros(ping_pong.quantile(0.99)),
    );
    Ok(())
}

/// The mean over [`LENGTH`].
fn send_and_receive(size: usize) -> io::Result<Duration> {
    let (mut sender, mut receiver) = pair()?;
    let mut bytes = vec![0; size];
    let (begin, cpu) = (Instant::now(), cpu_time());
    let mut count = 0;
    while begin.elapsed() < LENGTH {
        for _ in 0..TURNS {
            sender.write_all(&bytes)?;
            receiver.read_exact(&mut bytes)?;
        }
        count += TURNS;
    }
    Ok((cpu_time() - cpu) / count)
}

fn ping_pong() -> io::Result<Histogram> {
    let (mut here, mut there) = pair()?;
    let echo = thread::spawn(move || {
        let mut bytes = [0; 64];
        // It ends when the other side has gone.
        while there.read_exact(&mut bytes).is_ok() && there.write_all(&bytes).is_ok() {}
    });
    let mut histogram = Histogram::default();
    let mut bytes = [0; 64];
    let begin = Instant::now();
    while begin.elapsed() < LENGTH {
        let sent = Instant::now();
        here.write_all(&bytes)?;
        here.read_exact(&mut bytes)?;
        histogram.record(sent.elapsed().as_nanos() as u64);
    }
    drop(here);
    echo.join()
        .map_err(|_| io::Error::other("the echo failed"))?;
    Ok(histogram)
}

/// Both ends of a connection over loopback.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    let (receiver, _) = listener.accept()?;
    sender.set_nodelay(true)?;
    receiver.set_nodelay(true)?;
    Ok((sender, receiver))
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Bytes sent at one time; they fit into the socket's buffers, or sending would wait for receiving.
const SIZES: [usize; 4] = [64, 1_024, 16 * 1_024, 64 * 1_024];
/// How long each is measured.
const LENGTH: Duration = Duration::from_millis(500);
/// Turns between two looks at the clock.
const TURNS: u32 = 100;
