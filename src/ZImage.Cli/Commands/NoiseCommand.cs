using System.CommandLine;
using System.Globalization;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage.Cli.Commands;

/// <summary><c>zimage noise</c>: the initial noise of a seed as a file that <c>generate --latents</c> takes.</summary>
internal static class NoiseCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CommandContext context)
    {
        Option<ulong?> seed = CommonOptions.Seed("Seed, 0 to 2^64 - 1");
        seed.Required = true;
        Option<IReadOnlyList<int>?> shape = new("--shape")
        {
            Description = "Extents with commas: pictures, channels, height / 8, width / 8",
            HelpName = "LIST",
            CustomParser = Parsers.Ints(1),
            Required = true,
        };
        Option<NoiseGenerator?> rng = CommonOptions.Rng();
        Option<int?> multiprocessors = CommonOptions.RngMultiprocessors();
        Option<string> output = CommonOptions.Text("--output", "-o", "FILE", "File to write (safetensors, tensor `latents`, F32)");
        output.Required = true;
        Option<bool> force = CommonOptions.Force();
        Option<bool> json = CommonOptions.Json();
        Command command = new("noise", "Write the noise of a seed, for `generate --latents` or for another program")
        {
            seed, shape, rng, multiprocessors, output, force, json,
        };
        command.SetAction((parse, cancellationToken) =>
        {
            NoiseGenerator generator = parse.GetValue(rng) ?? NoiseGenerator.TorchCpu;
            Write(
                context,
                new Request(parse.GetValue(output)!, [.. parse.GetValue(shape)!], parse.GetValue(seed)!.Value, generator, parse.GetValue(multiprocessors) ?? 132),
                parse.GetValue(force),
                parse.GetValue(json),
                cancellationToken);
            return Task.FromResult(ExitCodes.Ok);
        });
        return command;
    }

    private static void Write(CommandContext context, Request request, bool force, bool json, CancellationToken cancellationToken)
    {
        if (request.Shape.Length > Shape.MaxRank)
        {
            throw new UsageException(
                string.Create(CultureInfo.InvariantCulture, $"--shape: {request.Shape.Length} extents; a tensor has at most {Shape.MaxRank}"),
                "`generate --latents` takes four: pictures, channels, height / 8, width / 8");
        }

        int most = request.Generator == NoiseGenerator.TorchCuda ? TorchCudaGenerator.LargestDraw : Array.MaxLength;
        if (request.Shape.Aggregate(1.0, (product, extent) => product * extent) > most)
        {
            throw new UsageException($"--shape: {string.Join(',', request.Shape)} has more elements than fit one file of noise", "make several files of fewer pictures each");
        }

        OutputTarget.Check(request.Path, "--output", force);
        Shape shape = new(request.Shape);
        HostTensor noise = new(new float[shape.Count], shape);
        TorchGenerator.Create(request.Generator, request.Seed, request.Multiprocessors).Normal(noise.Values);
        cancellationToken.ThrowIfCancellationRequested();
        TensorFiles.WriteLatents(request.Path, noise, force);
        context.Out.WriteLine(json
            ? CliJson.Line(
                new NoiseJson(request.Path, TensorFiles.Latents, request.Shape, request.Seed, request.Generator == NoiseGenerator.TorchCpu ? "torch-cpu" : "torch-cuda"),
                CliJson.Default.NoiseJson)
            : request.Path);
    }

    private sealed record Request(string Path, int[] Shape, ulong Seed, NoiseGenerator Generator, int Multiprocessors);
}
