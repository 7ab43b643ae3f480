using System.Globalization;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Cli;

/// <summary>Latents and embeddings as safetensors files: the same names for writing and for reading them back.</summary>
internal static class TensorFiles
{
    /// <summary>The tensor of initial noise and of final latents, [n, channels, height / 8, width / 8].</summary>
    public const string Latents = "latents";

    private const string Embeds = "prompt_embeds";
    private const string NegativeEmbeds = "negative_prompt_embeds";

    /// <summary>Reads the latents.</summary>
    /// <exception cref="InvalidRequestException">No such file or tensor, or a value that is not finite.</exception>
    public static HostTensor ReadLatents(string path) => Read(path, file =>
    {
        if (!file.Contains(Latents))
        {
            throw Lacks(path, $"a tensor `{Latents}`", file);
        }

        HostTensor latents = Copy(path, file, Latents);
        return latents.Shape.Rank == 4
            ? latents
            : throw new InvalidRequestException(
                $"{path}: `{Latents}` has the shape {latents.Shape}; it must be [n, channels, height / 8, width / 8]",
                "`zimage noise` and `zimage generate --save-latents` write such files");
    });

    /// <summary>Reads the embeddings, [tokens, width] per prompt; the negative ones may be absent.</summary>
    /// <exception cref="InvalidRequestException">No such file or tensor, another rank, or a value that is not finite.</exception>
    public static (IReadOnlyList<HostTensor> Prompt, IReadOnlyList<HostTensor>? Negative) ReadEmbeds(string path) => Read(path, file =>
    {
        List<HostTensor> prompt = ReadSeries(path, file, Embeds);
        if (prompt.Count == 0)
        {
            throw Lacks(path, $"`{Embeds}` or `{Embeds}.0`", file);
        }

        List<HostTensor> negative = ReadSeries(path, file, NegativeEmbeds);
        return negative.Count == 0 || negative.Count == prompt.Count
            ? (prompt, negative.Count == 0 ? null : (IReadOnlyList<HostTensor>)negative)
            : throw new InvalidRequestException(
                $"{path}: {prompt.Count} `{Embeds}` and {negative.Count} `{NegativeEmbeds}`; there must be as many, or no negative ones",
                "`zimage generate --save-prompt-embeds` writes such files");
    });

    /// <summary>Writes latents.</summary>
    public static void WriteLatents(string path, HostTensor latents, bool overwrite) =>
        SafetensorsWriter.Write(path, [new SafetensorsTensor(Latents, latents)], metadata: null, overwrite);

    /// <summary>Writes embeddings.</summary>
    public static void WriteEmbeds(string path, GenerationResult result, bool overwrite) => SafetensorsWriter.Write(
        path,
        result.PromptEmbeds.Select((e, i) => new SafetensorsTensor(Name(Embeds, i), e))
            .Concat(result.NegativePromptEmbeds.Select((e, i) => new SafetensorsTensor(Name(NegativeEmbeds, i), e))),
        metadata: null,
        overwrite);

    private static List<HostTensor> ReadSeries(string path, SafetensorsFile file, string name)
    {
        List<HostTensor> series = [];
        if (file.Contains(name))
        {
            series.Add(Copy(path, file, name));
        }
        else
        {
            while (file.Contains(Name(name, series.Count)))
            {
                series.Add(Copy(path, file, Name(name, series.Count)));
            }
        }

        HostTensor? wrong = series.Find(t => t.Shape.Rank != 2 || t.Shape.Count == 0);
        return wrong is null
            ? series
            : throw new InvalidRequestException(
                $"{path}: a `{name}` has the shape {wrong.Shape}; it must be [tokens, width]", "`zimage generate --save-prompt-embeds` writes such files");
    }

    private static string Name(string series, int index) => string.Create(CultureInfo.InvariantCulture, $"{series}.{index}");

    private static T Read<T>(string path, Func<SafetensorsFile, T> read)
    {
        if (!File.Exists(path))
        {
            throw Directory.Exists(path)
                ? new InvalidRequestException($"{path}: this is a folder, not a file.", "Name the safetensors file in it.")
                : new InvalidRequestException($"{path}: there is no such file.", "Check the path.");
        }

        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            return read(file);
        }
        catch (ModelFormatException exception)
        {
            // The file is an input of the request here, no part of a checkpoint.
            throw new InvalidRequestException(exception.Message, exception.Hint, exception);
        }
    }

    private static HostTensor Copy(string path, SafetensorsFile file, string name)
    {
        Tensor tensor = file[name];
        if (!tensor.DType.IsWeightType())
        {
            throw new InvalidRequestException($"{path}: `{name}` has the type {tensor.DType}", "store it as F32");
        }

        float[] values = HostFloats.Copy(tensor);
        int bad = Array.FindIndex(values, v => !float.IsFinite(v));
        return bad < 0
            ? new HostTensor(values, tensor.Shape)
            : throw new InvalidRequestException(
                string.Create(CultureInfo.InvariantCulture, $"{path}: value {bad} of `{name}` is {values[bad]}, which is not finite"),
                "make the file again; what wrote it has overflowed, or the file is broken");
    }

    private static InvalidRequestException Lacks(string path, string what, SafetensorsFile file) => new(
        $"{path}: the file has not {what}",
        file.Entries.Count == 0 ? "it holds no tensor" : $"it holds {string.Join(", ", file.Entries.Take(5).Select(e => e.Name))}");
}
