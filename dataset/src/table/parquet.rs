//! A table as Parquet: optional columns, uncompressed, in row groups of bounded size.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::{Cell, Column, Kind};

/// Rows of a group: what a reader holds at once.
const GROUP: usize = 10_000;

pub(super) fn write(
    columns: &[Column],
    rows: impl Iterator<Item = Vec<Option<Cell>>>,
    file: &mut (impl Write + Send),
) -> io::Result<()> {
    // Plain columns fit their schema, so what fails is the file.
    try_write(columns, rows, file).map_err(io::Error::other)
}

fn try_write(
    columns: &[Column],
    mut rows: impl Iterator<Item = Vec<Option<Cell>>>,
    file: &mut (impl Write + Send),
) -> Result<(), ParquetError> {
    let fields = columns.iter().map(|column| field(column).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    // The crate would name its own version, which is none of the data's.
    let properties = WriterProperties::builder().set_created_by(jobs::ENGINE.to_owned()).build();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    loop {
        let group: Vec<_> = rows.by_ref().take(GROUP).collect();
        if group.is_empty() {
            break;
        }
        let mut group_writer = writer.next_row_group()?;
        for (place, column) in columns.iter().enumerate() {
            let cells = || group.iter().map(|row| row[place].as_ref());
            let present: Vec<i16> = cells().map(|cell| cell.is_some().into()).collect();
            let mut values = group_writer.next_column()?.expect("there are as many columns as fields");
            match column.kind {
                Kind::Text => {
                    let texts: Vec<ByteArray> = cells().filter_map(text).collect();
                    values.typed::<ByteArrayType>().write_batch(&texts, Some(&present), None)?;
                }
                Kind::Whole => {
                    let wholes: Vec<i64> = cells().filter_map(whole).collect();
                    values.typed::<Int64Type>().write_batch(&wholes, Some(&present), None)?;
                }
                Kind::Number => {
                    let numbers: Vec<f64> = cells().filter_map(number).collect();
                    values.typed::<DoubleType>().write_batch(&numbers, Some(&present), None)?;
                }
                Kind::Truth => {
                    let truths: Vec<bool> = cells().filter_map(truth).collect();
                    values.typed::<BoolType>().write_batch(&truths, Some(&present), None)?;
                }
            }
            values.close()?;
        }
        group_writer.close()?;
    }
    writer.close()?;
    Ok(())
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let physical = match column.kind {
        Kind::Text => Physical::BYTE_ARRAY,
        Kind::Whole => Physical::INT64,
        Kind::Number => Physical::DOUBLE,
        Kind::Truth => Physical::BOOLEAN,
    };
    let builder = Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL);
    match column.kind {
        Kind::Text => {
            builder.with_converted_type(ConvertedType::UTF8).with_logical_type(Some(LogicalType::String)).build()
        }
        _ => builder.build(),
    }
}

fn text(cell: Option<&Cell>) -> Option<ByteArray> {
    if let Some(Cell::Text(text)) = cell { Some(ByteArray::from(text.as_str())) } else { None }
}

fn whole(cell: Option<&Cell>) -> Option<i64> {
    if let Some(Cell::Whole(whole)) = cell { Some(*whole) } else { None }
}

fn number(cell: Option<&Cell>) -> Option<f64> {
    if let Some(Cell::Number(number)) = cell { Some(*number) } else { None }
}

fn truth(cell: Option<&Cell>) -> Option<bool> {
    if let Some(Cell::Truth(truth)) = cell { Some(*truth) } else { None }
}
