//! Everything that was done is reported, whatever Sayso answers.

use super::*;

#[tokio::test]
async fn a_sayso_that_fails_is_told_again() {
    let (sayso, url) = Sayso::start().await;
    sayso.failures_left.store(2, Ordering::SeqCst);
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;
    system.tell(&message("0-5", ANA, true)).await;
    assert_eq!(sayso.told_eventually(1).await.len(), 1);
    assert_eq!(sayso.requests.load(Ordering::SeqCst), 3);
    eventually(|| system.count("SELECT count(*) FROM outbox") == 0).await;
    system.end().await;
}

#[tokio::test]
async fn reports_travel_together() {
    let (sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;
    let messages: Vec<_> = (1..=300)
        .map(|n| message(&format!("0-{n}"), &format!("email:p{n}@example.org"), true))
        .collect();
    let told = messages.iter().map(|message| system.tell(message));
    for status in futures(told).await {
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    let told: HashSet<_> = sayso.told_eventually(300).await.into_iter().collect();
    assert_eq!(told.len(), 300);
    let requests = sayso.requests.load(Ordering::SeqCst);
    assert!(requests < 100, "{requests} requests for 300 effects");
    system.end().await;
}

/// All of them at once.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        for (one, output) in &mut all {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = one.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        let is_done = all.iter().all(|(_, output)| output.is_some());
        if is_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    all.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn a_refused_report_is_kept_and_does_not_hold_up_the_others() {
    let (sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("mailer.db");
    let unwanted = ["email:p3@example.org", "email:p6@example.org"];
    sayso.refused.lock().unwrap().extend(unwanted.map(str::to_owned));
    // Applied while Sayso is away, so that all are in one request.
    let away = Running::start(&database, "http://127.0.0.1:9").await;
    for number in 1..=7 {
        let identifier = format!("email:p{number}@example.org");
        let position = format!("0-{number}");
        let told = if number == 6 {
            leaving(&position, &identifier)
        } else {
            message(&position, &identifier, true)
        };
        away.tell(&told).await;
    }
    away.end().await;

    let system = Running::start(&database, &url).await;
    let mut told = sayso.told_eventually(5).await;
    told.sort();
    let positions: Vec<_> = told.iter().map(|(_, position, _)| &**position).collect();
    assert_eq!(positions, ["0-1", "0-2", "0-4", "0-5", "0-7"]);
    eventually(|| system.count("SELECT count(*) FROM outbox") == 2).await;
    let sql =
        "SELECT group_concat(position || ' ' || identifier || ' ' || refused, '; ') FROM outbox";
    let kept: String = system.open().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(
        kept, "0-3 email:p3@example.org sayso answered 422; 0-6  sayso answered 422",
        "the name of who left goes, the report stays"
    );
    system.end().await;
}

#[tokio::test]
async fn the_rate_is_printed() {
    let (sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;
    let (count, clients) = (2_000, 16);
    let begin = std::time::Instant::now();
    let sent = (0..clients).map(|client| {
        let system = &system;
        async move {
            for number in (1..=count).filter(|number| number % clients == client) {
                let (position, name) =
                    (format!("0-{number}"), format!("email:p{number}@example.org"));
                let status = system.tell(&message(&position, &name, true)).await;
                assert_eq!(status, StatusCode::NO_CONTENT);
            }
        }
    });
    futures(sent).await;
    let applied = begin.elapsed();
    sayso.told_eventually(count).await;
    let reported = begin.elapsed();
    let rate = count as f64 / applied.as_secs_f64();
    println!("{count} messages applied in {applied:?} ({rate:.0}/s), reported after {reported:?}");
    assert_eq!(system.count("SELECT count(*) FROM customers"), count as i64);
    system.end().await;
}
