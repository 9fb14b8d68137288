//! Writing what a batch changes: whole columns at once, and many rows of permissions by COPY.

use tokio_postgres::{
    Transaction,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

use crate::sql::{
    database::Profile,
    plan::{Plan, Row, Version},
};

/// From how many rows on COPY is faster than one more statement.
const COPY_ROWS_MIN: usize = 64;

pub(super) async fn write(
    transaction: &Transaction<'_>,
    profile: &Profile,
    plan: &Plan<'_>,
) -> Result<(), tokio_postgres::Error> {
    let keys: Vec<&str> = plan.people.iter().map(|(key, ..)| *key).collect();
    for sql in
        ["delete from {permissions} where key = any($1)", "delete from {names} where key = any($1)"]
    {
        transaction.execute_typed(&profile.sql(sql), &[(&keys, Type::TEXT_ARRAY)]).await?;
    }
    let (namespaces, values): (Vec<&str>, Vec<&str>) = plan.released.iter().copied().unzip();
    let release = profile.sql(
        "delete from {names} n using unnest($1::text[], $2::text[]) as gone (namespace, identifier)
         where n.namespace = gone.namespace and n.identifier = gone.identifier",
    );
    let typed =
        [(&namespaces as &(dyn ToSql + Sync), Type::TEXT_ARRAY), (&values, Type::TEXT_ARRAY)];
    transaction.execute_typed(&release, &typed).await?;
    write_people(transaction, profile, plan).await?;
    let names = plan.names.iter();
    let (namespaces, values): (Vec<&str>, Vec<&str>) = names.clone().map(|(name, _)| *name).unzip();
    let holders: Vec<&str> = names.map(|(_, key)| *key).collect();
    let insert = profile.sql(
        "insert into {names} (namespace, identifier, key)
         select * from unnest($1::text[], $2::text[], $3::text[])",
    );
    let texts =
        [&namespaces, &values, &holders].map(|own| (own as &(dyn ToSql + Sync), Type::TEXT_ARRAY));
    transaction.execute_typed(&insert, &texts).await?;
    match plan.permissions.len() {
        0..COPY_ROWS_MIN => insert_permissions(transaction, profile, &plan.permissions).await?,
        _ => copy_permissions(transaction, profile, &plan.permissions).await?,
    }
    let advance = profile.sql(
        "update {ledger} set epoch = $1, position = $2, told_at_ms = $3
         where (epoch, position, told_at_ms) < ($1, $2, $3)",
    );
    let Version { epoch, number, told_at_ms } = &plan.newest;
    let typed: [(&(dyn ToSql + Sync), Type); 3] =
        [(epoch, Type::INT4), (number, Type::INT8), (told_at_ms, Type::INT8)];
    transaction.execute_typed(&advance, &typed).await?;
    Ok(())
}

async fn write_people(
    transaction: &Transaction<'_>,
    profile: &Profile,
    plan: &Plan<'_>,
) -> Result<(), tokio_postgres::Error> {
    let upsert = profile.sql(
        "insert into {people} (key, epoch, position, told_at_ms, leaving)
         select * from unnest($1::text[], $2::int4[], $3::int8[], $4::int8[], $5::bool[])
         on conflict (key) do update set epoch = excluded.epoch, position = excluded.position,
             told_at_ms = excluded.told_at_ms, leaving = excluded.leaving",
    );
    let people = plan.people.iter();
    let keys: Vec<&str> = people.clone().map(|(key, ..)| *key).collect();
    let epochs: Vec<i32> = people.clone().map(|(_, version, _)| version.epoch).collect();
    let numbers: Vec<i64> = people.clone().map(|(_, version, _)| version.number).collect();
    let times: Vec<i64> = people.clone().map(|(_, version, _)| version.told_at_ms).collect();
    let leaving: Vec<bool> = people.map(|(.., is_leaving)| *is_leaving).collect();
    let typed: [(&(dyn ToSql + Sync), Type); 5] = [
        (&keys, Type::TEXT_ARRAY),
        (&epochs, Type::INT4_ARRAY),
        (&numbers, Type::INT8_ARRAY),
        (&times, Type::INT8_ARRAY),
        (&leaving, Type::BOOL_ARRAY),
    ];
    transaction.execute_typed(&upsert, &typed).await.map(drop)
}

const PERMISSIONS: &str =
    "{permissions} (key, purpose, data, channel, nth, allow, until_ms, reason)";

async fn insert_permissions(
    transaction: &Transaction<'_>,
    profile: &Profile,
    rows: &[Row<'_>],
) -> Result<(), tokio_postgres::Error> {
    let insert = profile.sql(&format!(
        "insert into {PERMISSIONS} select * from unnest($1::text[], $2::text[], $3::text[],
             $4::text[], $5::int2[], $6::bool[], $7::int8[], $8::text[])"
    ));
    let texts = |of: fn(&Row<'_>) -> String| rows.iter().map(of).collect::<Vec<String>>();
    let nth: Vec<i16> = rows.iter().map(|row| row.nth).collect();
    let allow: Vec<bool> = rows.iter().map(|row| row.permission.allow).collect();
    let until: Vec<Option<i64>> = rows.iter().map(Row::until_ms).collect();
    let typed: [(&(dyn ToSql + Sync), Type); 8] = [
        (&texts(|row| row.key.to_owned()), Type::TEXT_ARRAY),
        (&texts(|row| row.permission.purpose.to_string()), Type::TEXT_ARRAY),
        (&texts(|row| row.permission.data.to_string()), Type::TEXT_ARRAY),
        (&texts(|row| row.channel().to_owned()), Type::TEXT_ARRAY),
        (&nth, Type::INT2_ARRAY),
        (&allow, Type::BOOL_ARRAY),
        (&until, Type::INT8_ARRAY),
        (&texts(|row| row.reason().to_owned()), Type::TEXT_ARRAY),
    ];
    transaction.execute_typed(&insert, &typed).await.map(drop)
}

async fn copy_permissions(
    transaction: &Transaction<'_>,
    profile: &Profile,
    rows: &[Row<'_>],
) -> Result<(), tokio_postgres::Error> {
    let copy = profile.sql(&format!("copy {PERMISSIONS} from stdin binary"));
    let kinds = [
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::INT2,
        Type::BOOL,
        Type::INT8,
        Type::TEXT,
    ];
    let sink = transaction.copy_in(&copy).await?;
    let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, &kinds));
    for row in rows {
        let permission = row.permission;
        let values: [&(dyn ToSql + Sync); 8] = [
            &row.key,
            &permission.purpose.as_str(),
            &permission.data.as_str(),
            &row.channel(),
            &row.nth,
            &permission.allow,
            &row.until_ms(),
            &row.reason(),
        ];
        writer.as_mut().write(&values).await?;
    }
    writer.as_mut().finish().await.map(drop)
}
