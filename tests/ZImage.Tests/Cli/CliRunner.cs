using System.Text.Json;
using System.Text;
using NUnit.Framework;
using ZImage.Cli;

namespace ZImage.Tests.Cli;

/// <summary>What one command line gave.</summary>
internal sealed record CliOutcome(int ExitCode, string Out, string Error, byte[] OutBytes)
{
    /// <summary>Standard output as JSON; fails where it is not exactly one line of it.</summary>
    public JsonElement Json()
    {
        Assert.That(Out.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1), "one JSON object on one line");
        using JsonDocument document = JsonDocument.Parse(Out);
        return document.RootElement.Clone();
    }
}

/// <summary>Runs the whole tool in this process, in a folder of its own.</summary>
internal sealed class CliRunner : IDisposable
{
    public CliRunner()
    {
        Folder = Directory.CreateTempSubdirectory("zimage-cli-").FullName;
        Model = Path.Combine(Folder, "model");
        Directory.CreateDirectory(Model);
    }

    /// <summary>The folder for the test's files.</summary>
    public string Folder { get; }

    /// <summary>A folder that passes for a checkpoint before it is opened.</summary>
    public string Model { get; }

    /// <summary>The checkpoint that came with the tool; null for a tool without.</summary>
    public string? BundledModel { get; set; }

    public FakeEngine Engine { get; } = new();

    /// <summary>Draws in place of <see cref="Engine"/>; null for the fake.</summary>
    public IEngine? RealEngine { get; set; }

    public Dictionary<string, string> Environment { get; } = [];

    public byte[] Input { get; set; } = [];

    /// <summary>Stands for standard input in place of <see cref="Input"/>.</summary>
    public Stream? InputStream { get; set; }

    public bool IsOutputTerminal { get; set; }

    public bool IsErrorTerminal { get; set; }

    public CancellationToken Cancellation { get; set; }

    /// <summary>The path of a file in the folder.</summary>
    public string File(string name) => Path.Combine(Folder, name);

    /// <summary>Names of the files in the folder, sorted.</summary>
    public string[] Files() => [.. Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Folder, f)).Order(StringComparer.Ordinal)];

    /// <summary>Runs <c>generate</c> with the fake checkpoint.</summary>
    public Task<CliOutcome> GenerateAsync(params string[] args) => RunAsync(["generate", "-m", Model, .. args]);

    public async Task<CliOutcome> RunAsync(params string[] args)
    {
        using StringWriter output = new() { NewLine = "\n" };
        using StringWriter error = new() { NewLine = "\n" };
        using MemoryStream bytes = new();
        int exitCode = await CliApplication.RunAsync(args, new CommandContext
        {
            Out = output,
            Error = error,
            OpenInput = () => InputStream ?? new MemoryStream(Input),
            OpenOutput = () => bytes,
            Engine = RealEngine ?? Engine,
            BundledModel = BundledModel,
            Environment = name => Environment.GetValueOrDefault(name),
            IsOutputTerminal = IsOutputTerminal,
            IsErrorTerminal = IsErrorTerminal,
            Cancellation = Cancellation,
        });

        // The parser names the running program, which is the test host here.
        string host = System.CommandLine.RootCommand.ExecutableName;
        return new CliOutcome(exitCode, output.ToString().Replace(host, "zimage", StringComparison.Ordinal), error.ToString(), bytes.ToArray());
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
