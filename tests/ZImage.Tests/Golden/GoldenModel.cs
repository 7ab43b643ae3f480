using NUnit.Framework;
using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Golden;

/// <summary>What the model-level golden tests share: checkpoints placed on a backend, and comparison by name.</summary>
internal static class GoldenModel
{
    /// <summary>The golden checkpoints.</summary>
    public static readonly string[] Checkpoints = ["tiny-turbo", "tiny-base"];

    /// <summary>Names of the backends that model-level cases run on.</summary>
    public static IEnumerable<string> Backends => GoldenBackend.All.Select(backend => backend.Name);

    /// <summary>The configs of a golden checkpoint.</summary>
    public static ModelFolder Folder(string checkpoint) => ModelFolder.Open(Path.GetDirectoryName(GoldenFile.PathOf("checkpoints", checkpoint, "model_index.json"))!);

    /// <summary>Builds a part on a backend; the weights' files stay open as long as <paramref name="weights"/>.</summary>
    public static T Place<T>(PartWeights weights, IBackend backend, Func<WeightLoader, T> build)
    {
        WeightReader reader = weights.CreateReader();
        build(new WeightLoader(reader, null));
        Assert.That(reader.Finish(allowUnknown: false), Is.Empty);
        return build(new WeightLoader(weights.CreateReader(), backend));
    }

    /// <summary>Names of a file's tensors that start with <c>ref.</c>, without it.</summary>
    public static IEnumerable<string> References(params string[] parts)
    {
        using GoldenFile file = GoldenFile.Open(parts);
        return [.. file.Names.Where(name => name.StartsWith("ref.", StringComparison.Ordinal)).Select(name => name[4..])];
    }

    /// <summary>
    /// Compares the front of a reference with a result: the engine leaves out rows that nobody reads. On a bfloat16 backend the reference must come with
    /// PyTorch's own bfloat16 result; without one there is nothing to compare with, and the answer is false.
    /// </summary>
    public static bool Compare(string name, ReadOnlySpan<float> actual, GoldenFile file, IBackend backend, Func<float[], float[]>? arrange = null)
    {
        arrange ??= values => values;
        float[] reference = arrange(file.Floats("ref." + name));
        if (backend.ActivationType == DType.F32)
        {
            Tolerance.Float32(name, actual, reference.AsSpan(0, actual.Length));
            return true;
        }

        if (!file.Has("torch_bf16." + name))
        {
            return false;
        }

        Tolerance.BFloat16(name, actual, reference.AsSpan(0, actual.Length), arrange(file.Floats("torch_bf16." + name)).AsSpan(0, actual.Length));
        return true;
    }

    /// <summary>[1, c, h, w] to [1, h, w, c].</summary>
    public static float[] ChannelsLast(float[] values, int channels, int pixels)
    {
        float[] result = new float[values.Length];
        for (int c = 0; c < channels; c++)
        {
            for (int p = 0; p < pixels; p++)
            {
                result[(p * channels) + c] = values[(c * pixels) + p];
            }
        }

        return result;
    }
}
