using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ZImage.Imaging;
using ZImage.Posters.Rendering;
using ZImage.Posters.Scenes;

namespace ZImage.Posters;

/// <summary>The tool's commands.</summary>
internal static class PosterCommands
{
    private const int SheetColumns = 6;

    /// <summary><c>posters check</c>.</summary>
    public static Command Check()
    {
        Option<string> scenes = Scenes();
        Option<string> images = new("--images") { Description = "Folder of the pictures: 0001.png for the first scene", HelpName = "DIR", Required = true };
        Option<int?> first = First();
        Option<string?> json = Json();
        Option<string?> summary = Summary();
        Command command = new("check", "Judge pictures that are there") { scenes, images, first, json, summary };
        command.SetAction(parse =>
        {
            List<Verdict> verdicts = [];
            foreach (Scene scene in Read(parse.GetValue(scenes)!, parse.GetValue(first)))
            {
                string file = FileOf(parse.GetValue(images)!, verdicts.Count);
                verdicts.Add(PosterCheck.Judge(scene, ImageReader.Read(file)));
                Console.WriteLine(Report.Line(verdicts.Count, verdicts[^1]));
            }

            Finish(verdicts, parse.GetValue(json), parse.GetValue(summary));
        });
        return command;
    }

    /// <summary><c>posters draw</c>.</summary>
    public static Command Draw()
    {
        Option<string> scenes = Scenes();
        Option<string> model = new("--model", "-m") { Description = "Checkpoint folder", HelpName = "DIR", Required = true };
        Option<string> device = new("--device") { Description = "auto, cpu, cuda or cuda:N", HelpName = "NAME", DefaultValueFactory = _ => "auto" };
        Option<string> precision = new("--precision") { Description = "On a GPU bf16 or f32", HelpName = "NAME", DefaultValueFactory = _ => "bf16" };
        Option<int?> steps = new("--steps") { Description = "Network evaluations; the model's own by default", HelpName = "N" };
        Option<double?> guidance = new("--guidance") { Description = "Guidance scale; the model's own by default", HelpName = "X" };
        Option<string?> negative = new("--negative-prompt") { Description = "What not to draw", HelpName = "TEXT" };
        Option<ulong> seed = new("--seed", "-s") { Description = "The first picture's seed; each next one has the next", HelpName = "SEED" };
        Option<int?> first = First();
        Option<string?> output = new("--out") { Description = "Folder for the pictures", HelpName = "DIR" };
        Option<string?> sheet = new("--sheet") { Description = "Write all pictures as one (PNG), and beside it the prompts as a table (.md)", HelpName = "FILE" };
        Option<int> columns = new("--columns") { Description = "Pictures in a row of the sheet", HelpName = "N", DefaultValueFactory = _ => SheetColumns };
        Option<string?> json = Json();
        Option<string?> summary = Summary();
        Command command = new("draw", "Draw captions with the engine, and judge the pictures")
        {
            scenes, model, device, precision, steps, guidance, negative, seed, first, output, sheet, columns, json, summary,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            PosterRunOptions options = new()
            {
                Model = parse.GetValue(model)!,
                Pipeline = new PipelineOptions { Device = parse.GetValue(device)!, Precision = parse.GetValue(precision)! },
                Steps = parse.GetValue(steps),
                Guidance = parse.GetValue(guidance),
                NegativePrompt = parse.GetValue(negative),
                Seed = parse.GetValue(seed),
            };
            List<Verdict> verdicts = [];
            List<ImageBuffer> images = [];
            long start = Stopwatch.GetTimestamp();
            await foreach ((Scene scene, ImageBuffer image) in PosterRun
                .DrawAsync(Read(parse.GetValue(scenes)!, parse.GetValue(first)), options, cancellationToken).ConfigureAwait(false))
            {
                images.Add(image);
                Save(parse.GetValue(output), verdicts.Count, image);
                verdicts.Add(PosterCheck.Judge(scene, image));
                Console.WriteLine(Report.Line(verdicts.Count, verdicts[^1]));
            }

            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{images.Count} pictures in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s"));
            if (parse.GetValue(sheet) is { } file && images.Count > 0)
            {
                Write(file, ContactSheet.Draw(images, parse.GetValue(columns)));
                File.WriteAllText(Path.ChangeExtension(file, ".md"), ContactSheet.Table([.. verdicts.Select(verdict => verdict.Scene)], parse.GetValue(columns)));
            }

            Finish(verdicts, parse.GetValue(json), parse.GetValue(summary));
        });
        return command;
    }

    /// <summary><c>posters render</c>.</summary>
    public static Command Render()
    {
        Option<string> scenes = Scenes();
        Option<string> output = new("--out") { Description = "Folder for the pictures", HelpName = "DIR", Required = true };
        Option<int?> first = First();
        Command command = new("render", "Draw the truth of scenes") { scenes, output, first };
        command.SetAction(parse =>
        {
            int number = 0;
            foreach (Scene scene in Read(parse.GetValue(scenes)!, parse.GetValue(first)))
            {
                Save(parse.GetValue(output), number++, PosterRenderer.Render(scene));
            }
        });
        return command;
    }

    /// <summary><c>posters report</c>.</summary>
    public static Command Table()
    {
        Argument<string[]> files = new("FILE") { Description = "What --summary wrote", Arity = ArgumentArity.OneOrMore };
        Command command = new("report", "Print summaries as one table") { files };
        command.SetAction(parse => Report.WriteMarkdown(parse.GetValue(files)!, Console.Out));
        return command;
    }

    private static Option<string> Scenes() => new("--scenes") { Description = "Scenes, one JSON object a line", HelpName = "FILE", Required = true };

    private static Option<int?> First() => new("--first") { Description = "Only the first N scenes", HelpName = "N" };

    private static Option<string?> Json() => new("--json") { Description = "Write totals and faults to this file", HelpName = "FILE" };

    private static Option<string?> Summary() => new("--summary") { Description = "Write totals to this file", HelpName = "FILE" };

    private static IReadOnlyList<Scene> Read(string path, int? first)
    {
        IReadOnlyList<Scene> scenes = SceneReader.ReadFile(path);
        return first is int count ? [.. scenes.Take(count)] : scenes;
    }

    private static string FileOf(string folder, int index) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{index + 1:D4}.png"));

    private static void Save(string? folder, int index, ImageBuffer image)
    {
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            Write(FileOf(folder, index), image);
        }
    }

    private static void Write(string file, ImageBuffer image) => File.WriteAllBytes(file, PngWriter.Encode(image));

    private static void Finish(IReadOnlyList<Verdict> verdicts, string? json, string? summary)
    {
        Report report = new(verdicts);
        report.WriteTable(Console.Out);
        report.WriteSizes(Console.Out);
        if (json is not null)
        {
            File.WriteAllText(json, report.ToJson());
        }

        if (summary is not null)
        {
            File.WriteAllText(summary, report.ToJson(faults: false) + "\n");
        }
    }
}
