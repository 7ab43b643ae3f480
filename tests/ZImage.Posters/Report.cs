using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ZImage.Posters;

/// <summary>Verdicts added up: for people a line a caption and a table, for programs one JSON object.</summary>
internal sealed class Report(IReadOnlyList<Verdict> verdicts)
{
    private static readonly (Attribute Attribute, string Name)[] s_rows =
    [
        (Attribute.Shape, "shapes"), (Attribute.Color, "colours"), (Attribute.Place, "places"), (Attribute.Character, "characters"),
        (Attribute.Size, "sizes"), (Attribute.Background, "backgrounds"),
    ];

    private const string NothingElse = "nothing else";

    /// <summary>The share of a kind of thing that is right, in percent; 100 where nothing of the kind is stated.</summary>
    public double Percent(Attribute attribute) => Share(Sum(verdicts, attribute));

    /// <summary>The share of pictures with nothing in them that was not asked for, in percent of those where that can be told.</summary>
    public double PercentAsAsked => Share(AsAsked(verdicts));

    /// <summary>What a caption's line says: counts, and everything that is wrong.</summary>
    public static string Line(int number, Verdict verdict)
    {
        IEnumerable<string> counts = s_rows.Select(row => (row.Name, Count: verdict.Count(row.Attribute)))
            .Where(row => row.Count.All > 0)
            .Select(row => string.Create(CultureInfo.InvariantCulture, $"{row.Name} {row.Count.Right}/{row.Count.All}"));
        IEnumerable<string> wrong = verdict.Findings.Where(finding => !finding.IsRight)
            .Select(finding => $"{finding.Subject}: {finding.Found ?? "nothing"} for {finding.Expected}");
        string faults = string.Join("; ", wrong.Concat((verdict.Unasked ?? []).Select(thing => $"unasked: {thing}")));
        return string.Create(CultureInfo.InvariantCulture, $"{number,4} {(verdict.IsRight ? "ok   " : "WRONG")} {string.Join(", ", counts)} | {verdict.Scene.Caption}{(faults.Length > 0 ? $" | {faults}" : "")}");
    }

    /// <summary>The table of totals.</summary>
    public void WriteTable(TextWriter output)
    {
        (string Name, IReadOnlyList<Verdict> Of)[] columns =
        [
            ("all", verdicts), ("en", [.. verdicts.Where(v => v.Scene.Language == "en")]), ("zh", [.. verdicts.Where(v => v.Scene.Language == "zh")]),
        ];
        output.WriteLine($"{"",-12}{string.Concat(columns.Select(column => $"{column.Name,20}"))}");
        foreach ((Attribute attribute, string name) in s_rows)
        {
            output.WriteLine($"{name,-12}{string.Concat(columns.Select(column => $"{Cell(column.Of, attribute),20}"))}");
            if (attribute == Attribute.Character)
            {
                WriteScript("  A-Z, 0-9", isAscii: true);
                WriteScript("  Chinese", isAscii: false);
            }
        }

        void WriteScript(string name, bool isAscii)
        {
            IEnumerable<Finding> Of(IReadOnlyList<Verdict> of) =>
                of.SelectMany(v => v.Findings).Where(f => f.Attribute == Attribute.Character && Ascii.IsValid(f.Expected) == isAscii);
            string cells = string.Concat(columns.Select(column => $"{Cell(Of(column.Of).Count(f => f.IsRight), Of(column.Of).Count()),20}"));
            output.WriteLine($"{name,-12}{cells}");
        }

        string only = string.Concat(columns.Select(column => $"{(AsAsked(column.Of) is var (right, of) ? Cell(right, of) : ""),20}"));
        output.WriteLine($"{"nothing else",-12}{only}");
        string whole = string.Concat(columns.Select(column => $"{Cell(column.Of.Count(v => v.IsRight), column.Of.Count),20}"));
        output.WriteLine($"{"captions",-12}{whole}");
    }

    /// <summary>A Markdown table with a row for each size of picture, in the order of their first captions; nothing where there is one size only.</summary>
    public void WriteSizes(TextWriter output)
    {
        IGrouping<(int Width, int Height), Verdict>[] sizes = [.. verdicts.GroupBy(verdict => (verdict.Scene.Width, verdict.Scene.Height))];
        if (sizes.Length < 2)
        {
            return;
        }

        output.WriteLine($"| |{string.Concat(s_rows.Select(row => $" {row.Name} |"))} {NothingElse} |");
        output.WriteLine($"| --- |{string.Concat(Enumerable.Repeat(" ---: |", s_rows.Length + 1))}");
        foreach (IGrouping<(int Width, int Height), Verdict> size in sizes)
        {
            Report report = new([.. size]);
            IEnumerable<double> percents = s_rows.Select(row => report.Percent(row.Attribute)).Append(report.PercentAsAsked);
            output.WriteLine($"| {size.Key.Width}x{size.Key.Height} |{Cells(percents)}");
        }
    }

    /// <summary>One JSON object: totals, and for each caption what is wrong.</summary>
    /// <param name="faults">Whether the faults are in it, or the totals alone.</param>
    public string ToJson(bool faults = true)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteNumber("captions", verdicts.Count);
            writer.WriteNumber("captions_right", verdicts.Count(verdict => verdict.IsRight));
            writer.WriteStartObject("totals");
            foreach ((Attribute attribute, string name) in s_rows)
            {
                (int right, int all) = Sum(verdicts, attribute);
                WriteTotal(writer, name, right, all);
            }

            (int asAsked, int judged) = AsAsked(verdicts);
            WriteTotal(writer, NothingElse, asAsked, judged);
            writer.WriteEndObject();
            if (faults)
            {
                writer.WriteStartArray("wrong");
                for (int i = 0; i < verdicts.Count; i++)
                {
                    WriteFaults(writer, i + 1, verdicts[i]);
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    /// <summary>Summaries that <see cref="ToJson"/> wrote as a Markdown table, a row a file.</summary>
    public static void WriteMarkdown(IEnumerable<string> files, TextWriter output)
    {
        output.WriteLine($"| | pictures |{string.Concat(s_rows.Select(row => $" {row.Name} |"))} {NothingElse} | captions wholly right |");
        output.WriteLine($"| --- | ---: |{string.Concat(Enumerable.Repeat(" ---: |", s_rows.Length + 2))}");
        foreach (string file in files)
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            JsonElement root = document.RootElement;
            int all = root.GetProperty("captions").GetInt32();
            IEnumerable<double> percents = s_rows.Select(row => row.Name).Append(NothingElse)
                .Select(name => root.GetProperty("totals").GetProperty(name).GetProperty("percent").GetDouble())
                .Append(100.0 * root.GetProperty("captions_right").GetInt32() / all);
            output.WriteLine($"| {Path.GetFileNameWithoutExtension(file)} | {all} |{Cells(percents)}");
        }
    }

    private static string Cells(IEnumerable<double> percents) =>
        string.Concat(percents.Select(percent => string.Create(CultureInfo.InvariantCulture, $" {percent:F1} |")));

    /// <summary>In how many pictures there is nothing besides what was asked for, of how many where that can be told.</summary>
    private static (int Right, int All) AsAsked(IReadOnlyList<Verdict> of) => (of.Count(v => v.Unasked is { Count: 0 }), of.Count(v => v.Unasked is not null));

    private static void WriteTotal(Utf8JsonWriter writer, string name, int right, int all)
    {
        writer.WriteStartObject(name);
        writer.WriteNumber("right", right);
        writer.WriteNumber("all", all);
        writer.WriteNumber("percent", Math.Round(Share((right, all)), 2));
        writer.WriteEndObject();
    }

    private static void WriteFaults(Utf8JsonWriter writer, int number, Verdict verdict)
    {
        if (verdict.IsRight && verdict.Unasked is not { Count: > 0 })
        {
            return;
        }

        writer.WriteStartObject();
        writer.WriteNumber("number", number);
        writer.WriteString("caption", verdict.Scene.Caption);
        writer.WriteStartArray("findings");
        foreach (Finding finding in verdict.Findings.Where(finding => !finding.IsRight))
        {
            writer.WriteStartObject();
            writer.WriteString("attribute", Enum.GetName(finding.Attribute)!.ToLowerInvariant());
            writer.WriteString("subject", finding.Subject);
            writer.WriteString("expected", finding.Expected);
            writer.WriteString("found", finding.Found);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("unasked");
        foreach (string thing in verdict.Unasked ?? [])
        {
            writer.WriteStringValue(thing);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static (int Right, int All) Sum(IReadOnlyList<Verdict> of, Attribute attribute)
    {
        (int Right, int All)[] counts = [.. of.Select(verdict => verdict.Count(attribute))];
        return (counts.Sum(count => count.Right), counts.Sum(count => count.All));
    }

    private static double Share((int Right, int All) count) => count.All > 0 ? 100.0 * count.Right / count.All : 100;

    private static string Cell(IReadOnlyList<Verdict> of, Attribute attribute) => Sum(of, attribute) is var (right, all) ? Cell(right, all) : "";

    private static string Cell(int right, int all) =>
        all == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{100.0 * right / all:F1} % {$"{right}/{all}",9}");
}
