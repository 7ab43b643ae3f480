using System.CommandLine;
using ZImage.Generation;
using ZImage.Weights;

namespace ZImage.Cli.Commands;

/// <summary><c>zimage info</c>: what a checkpoint or a picture holds.</summary>
internal static class InfoCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CommandContext context)
    {
        Argument<string?> subject = new("subject")
        {
            Description = "Checkpoint folder, .safetensors file, or picture of ours [default: --model, then ZIMAGE_MODEL, then the bundled model]",
            HelpName = "DIR|PNG",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string> model = CommonOptions.Model();
        Option<string> transformer = CommonOptions.Transformer();
        Option<int?> width = CommonOptions.Int("--width", "-W", 1, 65536, "Width in pixels that the memory is told for [default: the model's own]");
        Option<int?> height = CommonOptions.Int("--height", "-H", 1, 65536, "Height in pixels that the memory is told for [default: the model's own]");
        Option<bool> tensors = CommonOptions.Flag("--tensors", "List every tensor");
        Option<bool> json = CommonOptions.Json();
        Command command = new("info", "Show what a checkpoint needs, or how a picture was made") { subject, model, transformer, width, height, tensors, json };
        command.SetAction((parse, _) =>
        {
            string? path = parse.GetValue(subject);
            ArgumentCheck.ThrowOnEmptyName("--transformer", parse.GetValue(transformer));
            ReplacementParts.CheckTransformer(parse.GetValue(transformer));
            if (path is not null && parse.GetValue(model) is not null)
            {
                throw new UsageException($"both '{path}' and --model are given", "name one of them");
            }

            if (path is not null && File.Exists(path) && !path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
            {
                PictureInfo.Write(context, path, parse.GetValue(json));
            }
            else
            {
                string location = ModelLocator.Locate(
                    path ?? parse.GetValue(model), context, announce: !parse.GetValue(json), path is null ? "--model" : "the command line");
                ModelInfo checkpoint = ModelInfo.Read(location, parse.GetValue(tensors), parse.GetValue(transformer));
                (int columns, int rows) = Size(checkpoint, parse.GetValue(width), parse.GetValue(height));
                CheckpointInfo info = new(context, checkpoint, columns, rows);
                if (parse.GetValue(json))
                {
                    info.WriteJson();
                }
                else
                {
                    info.WriteText();
                }
            }

            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    /// <summary>The size that memory is told for; a single file has none, and nothing is told of it.</summary>
    /// <exception cref="InvalidRequestException">A size that <c>generate</c> would refuse.</exception>
    private static (int Width, int Height) Size(ModelInfo checkpoint, int? width, int? height)
    {
        if (checkpoint is not { Transformer: { } transformer, Vae: { } vae })
        {
            return default;
        }

        SizeRule rule = SizeRule.Of(transformer, vae);
        (int Width, int Height) size = (width ?? rule.Width, height ?? rule.Height);
        rule.Check(size.Width, size.Height);
        return size;
    }
}
