use std::future::poll_fn;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde_json::{json, Value};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls, Row};
use uuid::Uuid;

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The row of a call, if there is one.
async fn call(db: &Client, statement: &str, values: Values<'_>) -> Option<Row> {
    db.query_opt(statement, values).await.unwrap()
}

async fn validate(db: &Client, token: &str) -> Option<Row> {
    let address: Option<IpAddr> = None;
    call(db, "SELECT * FROM session_service.validate_session($1, $2)", &[&token, &address]).await
}

pub async fn live(user: Uuid) {
    let (db, mut connection) = tokio_postgres::connect(&std::env::var("DATABASE").unwrap(), NoTls).await.unwrap();
    let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message.unwrap() {
                tell.send(notification.payload().to_string()).unwrap();
            }
        }
    });

    let address: IpAddr = "2001:db8::7".parse().unwrap();
    let scopes = vec!["read", "write"];
    let metadata = json!({"plan": "free"});
    let made = call(
        &db,
        "SELECT * FROM session_service.create_session($1, $2, $3, $4, $5, metadata => $6,
            session_expiry => $7::text::interval, inactivity_timeout => $8::text::interval)",
        &[&user, &"Laptop", &"tokio-postgres", &address, &scopes, &metadata, &"2 hours", &"30 minutes"],
    )
    .await
    .unwrap();
    let expires_at: SystemTime = made.get("expires_at");
    let left = expires_at.duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(7140) && left <= Duration::from_secs(7200));
    let _: Vec<Uuid> = made.get("evicted_session_ids");
    let (id, token): (Uuid, &str) = (made.get("session_id"), made.get("token"));
    println!("sign_in");

    let session = validate(&db, token).await.unwrap();
    assert_eq!((session.get::<_, Uuid>("session_id"), session.get::<_, Uuid>("user_id")), (id, user));
    assert_eq!(session.get::<_, Vec<&str>>("scopes"), scopes);
    assert_eq!(session.get::<_, Value>("metadata"), metadata);
    assert!(!session.get::<_, bool>("mfa_verified"));
    println!("validate");

    assert!(validate(&db, "nobody's").await.is_none());
    println!("nobody");

    let refresh = "SELECT token, refresh_token, repeated FROM session_service.refresh_session($1)";
    let mut pairs = Vec::new();
    for _ in 0..2 {
        pairs.push(call(&db, refresh, &[&made.get::<_, &str>("refresh_token")]).await.unwrap());
    }
    assert_eq!(pairs[0].get::<_, &str>("token"), pairs[1].get::<_, &str>("token"));
    assert_eq!(pairs[0].get::<_, &str>("refresh_token"), pairs[1].get::<_, &str>("refresh_token"));
    assert_eq!((pairs[0].get("repeated"), pairs[1].get("repeated")), (false, true));
    assert!(validate(&db, token).await.is_none());
    let token: &str = pairs[0].get("token");
    println!("refresh");

    let list = "SELECT *, status::text AS state FROM session_service.list_user_sessions($1, $2) WHERE is_current";
    let mine = call(&db, list, &[&user, &id]).await.unwrap();
    assert_eq!((mine.get::<_, IpAddr>("ip_address"), mine.get::<_, &str>("state")), (address, "active"));
    let (active, idle): (SystemTime, SystemTime) = (mine.get("last_activity_at"), mine.get("idle_expires_at"));
    assert_eq!(idle.duration_since(active).unwrap(), Duration::from_secs(1800));
    println!("list");

    let tokens = vec![Some("nobody's"), None, Some(token)];
    let batch = call(&db, "SELECT * FROM session_service.validate_sessions($1)", &[&tokens]).await.unwrap();
    assert_eq!((batch.get::<_, i32>("token_index"), batch.get::<_, Uuid>("session_id")), (3, id));
    println!("batch");

    db.batch_execute("LISTEN session_service").await.unwrap();
    let done = call(&db, "SELECT session_service.revoke_session_by_token($1)", &[&token]).await.unwrap();
    assert!(done.get::<_, bool>(0) && validate(&db, token).await.is_none());
    println!("sign_out");

    let told: Value = serde_json::from_str(&heard.recv().await.unwrap()).unwrap();
    assert_eq!(told["session_id"], id.to_string());
    println!("listen");

    let nobody: Option<Uuid> = None;
    let statement = "SELECT * FROM session_service.create_session($1, $2)";
    let error = db.query(statement, &[&nobody, &token]).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::NULL_VALUE_NOT_ALLOWED));
    assert!(!format!("{error:?}").contains(token));
    println!("error");
}
