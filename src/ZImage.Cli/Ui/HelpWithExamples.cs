using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace ZImage.Cli.Ui;

/// <summary>The library's help followed by examples, because an example is what most people read first.</summary>
internal sealed class HelpWithExamples : SynchronousCommandLineAction
{
    private const string Root = """
        Examples:
          zimage generate -m Z-Image-Turbo -p "a red fox in fresh snow" -s 42 -o fox.png
          zimage info Z-Image-Turbo
          zimage info fox.png

        Environment:
          ZIMAGE_MODEL    checkpoint folder where --model is not given
          ZIMAGE_DEVICE   device where --device is not given
          ZIMAGE_THREADS  processor threads where --threads is not given
          ZIMAGE_CACHE    folder of compiled kernels; more settings of the GPU: docs/profiling.md
          ZIMAGE_DEBUG    1: errors print where they happened
          NO_COLOR        set: no colours

        Exit codes:
          0 done, 1 fault of zimage, 2 wrong arguments or files, 3 model, 4 device, 5 memory, 6 network, 130 interrupted
        """;

    private const string Generate = """
        Examples:
          zimage generate -p "a red fox in fresh snow" -s 42 -o fox.png
          zimage generate -p fox -p owl --count 2 -o bird.png       four pictures in one batch
          zimage generate -p "in watercolour" -i photo.png --strength 0.6 -o out.png
          zimage generate --from-image fox.png --steps 12 -o fox-12.png
          echo "a prompt" | zimage generate -p - -o - > out.png
          zimage generate -p=-50% -o sale.png                       a prompt that begins with '-'
        """;

    private const string Tokenize = """
        Examples:
          zimage tokenize -p "a red fox"
          zimage tokenize -p "a red fox" --json
        """;

    private const string Info = """
        Examples:
          zimage info Z-Image-Turbo -W 1280 -H 720
          zimage info Z-Image-Turbo --tensors --json
          zimage info fox.png
        """;

    private const string Noise = """
        Examples:
          zimage noise -s 42 --shape 1,16,128,128 -o noise.safetensors
          zimage generate -p "a red fox" --latents noise.safetensors -o fox.png
        """;

    private const string Bench = """
        Examples:
          zimage bench -m synthetic:turbo:0 --size 512x512 --size 1024x1024
          zimage bench -m Z-Image-Turbo --json > ours.json
          zimage bench --kernels
          zimage bench --report ours.json reference.json
        """;

    private const string Doctor = """
        Examples:
          zimage doctor
          zimage doctor --device cuda:1 --json
        """;

    private readonly HelpAction help;

    /// <summary>Wraps <paramref name="help"/> at <paramref name="width"/> columns.</summary>
    public HelpWithExamples(HelpAction help, int width)
    {
        this.help = help;
        help.MaxWidth = width;
    }

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        help.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output.WriteLine(Examples(parseResult.CommandResult.Command.Name));
        return ExitCodes.Ok;
    }

    /// <summary>What follows the library's help of a command.</summary>
    /// <param name="command">A subcommand's name; anything else is the tool itself.</param>
    internal static string Examples(string command) => command switch
    {
        "generate" => Generate,
        "tokenize" => Tokenize,
        "info" => Info,
        "noise" => Noise,
        "bench" => Bench,
        "doctor" => Doctor,
        _ => Root,
    };
}
