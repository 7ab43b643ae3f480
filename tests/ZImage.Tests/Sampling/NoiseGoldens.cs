using System.Runtime.InteropServices;
using System.Text.Json;
using NUnit.Framework;

namespace ZImage.Tests.Sampling;

/// <summary>The float32 tensors of golden/noise, by name: PyTorch's own draws.</summary>
internal static class NoiseGoldens
{
    private static readonly Lazy<IReadOnlyDictionary<string, float[]>?> All = new(ReadAll);

    /// <summary>The tensor's elements; ignores the running test where the goldens are absent.</summary>
    public static float[] Get(string name)
    {
        if (All.Value is not { } goldens)
        {
            Assert.Ignore("golden/noise holds no *.safetensors; golden/export.py makes them.");
            return [];
        }

        Assert.That(goldens.Keys, Does.Contain(name), "golden/noise");
        return goldens[name];
    }

    private static Dictionary<string, float[]>? ReadAll()
    {
        DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "ZImage.sln")))
        {
            folder = folder.Parent;
        }

        string noise = Path.Combine(folder?.FullName ?? "", "golden", "noise");
        string[] files = Directory.Exists(noise) ? Directory.GetFiles(noise, "*.safetensors") : [];
        if (files.Length == 0)
        {
            return null;
        }

        Dictionary<string, float[]> result = [];
        foreach (string file in files)
        {
            ReadOnlySpan<byte> bytes = File.ReadAllBytes(file);
            int header = checked((int)MemoryMarshal.Read<ulong>(bytes));
            using JsonDocument json = JsonDocument.Parse(bytes.Slice(8, header).ToArray());
            foreach (JsonProperty entry in json.RootElement.EnumerateObject())
            {
                if (entry.Name != "__metadata__" && entry.Value.GetProperty("dtype").GetString() == "F32")
                {
                    JsonElement offsets = entry.Value.GetProperty("data_offsets");
                    Range range = (8 + header + offsets[0].GetInt32())..(8 + header + offsets[1].GetInt32());
                    result.Add(entry.Name, MemoryMarshal.Cast<byte, float>(bytes[range]).ToArray());
                }
            }
        }

        return result;
    }
}
