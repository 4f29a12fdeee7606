//! The statement of a batch.

use std::ops::Range;

use super::Fill;

impl Fill {
    /// What a batch over a range of blocks of `leaf` (quoted) runs on PostgreSQL: one statement, so that one timeout bounds it and both
    /// parts see the same snapshot. It answers two numbers: every live row of the range, right or wrong, and the rows that were changed.
    #[must_use]
    pub fn batch_sql(&self, leaf: &str, range: &Range<u64>, mark: &str) -> String {
        let Self {
            alias, set, wrong, ..
        } = self;
        let within = self.within(range);
        format!(
            "/* {mark} */ \
             WITH seen AS (SELECT count(*) AS n FROM ONLY {leaf} AS {alias} WHERE {within}), \
             changed AS (UPDATE ONLY {leaf} AS {alias} SET {set} WHERE {within} AND ({wrong}) RETURNING 1) \
             SELECT (SELECT n FROM seen), (SELECT count(*) FROM changed)"
        )
    }
}

#[cfg(test)]
mod tests {
    use engine::catalog::TableName;

    use super::*;

    #[test]
    fn a_batch_names_its_leaf_alone_its_range_and_its_mark() {
        let fill = Fill {
            id: 0,
            table: TableName {
                schema: "music".into(),
                name: "track".into(),
            },
            alias: "\"track\"".into(),
            row: None,
            set: "\"seconds\" = (milliseconds / 1000)".into(),
            wrong: "ROW(\"seconds\") *<> ROW(CAST((milliseconds / 1000) AS integer))".into(),
            unrelated: "false".into(),
            key: "jsonb_build_object('id', \"id\")".into(),
            columns: Vec::new(),
        };
        let text = fill.batch_sql("\"music\".\"track_1\"", &(16..48), "sluice:batch lease=L chunk=C");
        assert!(
            text.starts_with("/* sluice:batch lease=L chunk=C */ WITH seen"),
            "{text}"
        );
        let within = "\"track\".ctid >= '(16,0)'::tid AND \"track\".ctid < '(48,0)'::tid";
        assert_eq!(text.matches(within).count(), 2, "{text}");
        assert!(
            text.contains("UPDATE ONLY \"music\".\"track_1\" AS \"track\" SET \"seconds\""),
            "{text}"
        );
    }
}
