using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;
using ZImage.Tests.Support;
using ZImage.Text;

namespace ZImage.Tests.Text;

/// <summary>Files that the text tests read from the source tree.</summary>
internal static class TextTestData
{
    private static readonly Lazy<Qwen2Tokenizer> LazyTiny = new(() => Qwen2Tokenizer.Load(TinyFolder));

    internal static string TinyFolder => Path.Combine(Repository.Root, "golden", "tokenizer-tiny");

    internal static Qwen2Tokenizer Tiny => LazyTiny.Value;

    internal static string Here(string file) => Path.Combine(Repository.Root, "tests", "ZImage.Tests", "Text", file);

    internal static string TinyJson() => File.ReadAllText(Path.Combine(TinyFolder, "tokenizer.json"));

    /// <summary>The tiny tokenizer.json with a change.</summary>
    internal static byte[] Changed(Action<JsonObject> change)
    {
        JsonObject root = JsonNode.Parse(TinyJson())!.AsObject();
        change(root);
        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    /// <summary>The folder of the real Qwen3 tokenizer; ignores the test where there is none.</summary>
    internal static string Qwen3Folder()
    {
        string? folder = Environment.GetEnvironmentVariable("ZIMAGE_QWEN3_TOKENIZER");
        if (string.IsNullOrEmpty(folder) || !File.Exists(Path.Combine(folder, "tokenizer.json")))
        {
            Assert.Ignore("ZIMAGE_QWEN3_TOKENIZER names no folder with Qwen3's tokenizer.json.");
        }

        return folder!;
    }
}
