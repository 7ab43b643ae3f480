using NUnit.Framework;
using System.Diagnostics;
using System.Text;
using CsCheck;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

/// <summary>Whatever the bytes, opening ends soon, in a file that can be read to its last byte or in a ModelFormatException.</summary>
internal sealed class SafetensorsPropertyTests
{
    private const string Valid =
        """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"F8_E4M3","shape":[],"data_offsets":[32,33]},"d":{"dtype":"I64","shape":[0],"data_offsets":[33,33]}}""";

    private static readonly Gen<string> Junk = Gen.OneOf(
        Gen.OneOf(
            "null", "true", "\"\"", "\"F32\"", "\"BF16\"", "\"F4\"", "{}", "[]", "[[]]", "{\"a\":{\"a\":{}}}", "0", "-1", "1e9", "1e999", "0.5", "9223372036854775807",
            "-9223372036854775808", "18446744073709551616", "[0,0]", "[0,33]", "[1,2,3,4,5,6,7]", "[2147483647,2147483647,2147483647]", "[9223372036854775807,9223372036854775807]",
            "[0,9223372036854775807]", "[-1,-1]", "\"\\ud800\"", "\"\\u0000\"", "}", "]", ",", "", "NaN", "//", new string('[', 100), "\"x\":1"),
        Gen.Long.Select(value => value.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        Gen.Long.Array[0, 7].Select(values => $"[{string.Join(',', values)}]"),
        Gen.Int[-1, 40].Array[0, 6].Select(values => $"[{string.Join(',', values)}]"));

    private static readonly string[] Places =
    [
        "\"F32\"", "\"BF16\"", "\"F8_E4M3\"", "\"I64\"", "[2,3]", "[4]", "[]", "[0]", "[0,24]", "[24,32]", "[32,33]", "[33,33]", "\"pt\"", "{\"format\":\"pt\"}",
        "\"a\"", "\"b\"", "\"__metadata__\"", "\"dtype\"", "\"shape\"", "\"data_offsets\"",
    ];

    private CheckpointFolder folder = null!;

    [SetUp]
    public void MakeFolder()
    {
        folder = new CheckpointFolder();

        // The first exception and the first parse pay for code that is not theirs.
        Check([]);
        Check(CheckpointFolder.Raw("{", 1));
        Check(CheckpointFolder.Raw(Valid, new byte[33]));
    }

    [TearDown]
    public void DeleteFolder() => folder.Dispose();

    [Test]
    public void The_unchanged_file_opens() => Assert.That(Check(CheckpointFolder.Raw(Valid, new byte[33])), Is.True);

    [Test]
    public void Random_bytes_never_break_the_reader() => Gen.Byte.Array[0, 300].Sample(bytes => { Check(bytes); }, iter: 1000, threads: 1);

    [Test]
    public void Random_headers_never_break_the_reader() =>
        Gen.Select(Gen.Byte.Array[0, 300], Gen.Byte.Array[0, 40]).Sample((header, data) => { Check(CheckpointFolder.Raw(Encoding.Latin1.GetString(header), data)); }, iter: 1000, threads: 1);

    [Test]
    public void Changed_bytes_never_break_the_reader()
    {
        byte[] valid = CheckpointFolder.Raw(Valid, new byte[33]);
        Gen.Select(Gen.Int[0, valid.Length - 1], Gen.Byte).Array[1, 4].Sample(
            changes =>
            {
                byte[] bytes = [.. valid];
                foreach ((int at, byte value) in changes)
                {
                    bytes[at] = value;
                }

                Check(bytes);
            },
            iter: 2000,
            threads: 1);
    }

    [Test]
    public void Every_flipped_bit_is_survived()
    {
        byte[] valid = CheckpointFolder.Raw(Valid, new byte[33]);
        int opened = 0;
        for (int bit = 0; bit < (valid.Length - 33) * 8; bit++)
        {
            byte[] bytes = [.. valid];
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            opened += Check(bytes) ? 1 : 0;
        }

        // A changed letter of a name or of the metadata leaves a valid file; most changes do not.
        Assert.That(opened, Is.GreaterThan(0).And.LessThan(valid.Length * 8 / 2));
    }

    [Test]
    public void Changed_json_never_breaks_the_reader() =>
        Gen.Select(Gen.OneOf(Places), Junk, Gen.OneOf(Places), Junk, Gen.Int[0, 40]).Sample(
            (place, junk, place2, junk2, data) =>
            {
                string header = Replace(Replace(Valid, place, junk), place2, junk2);
                Check(CheckpointFolder.Raw(header, new byte[data]));
            },
            iter: 3000,
            threads: 1);

    [Test]
    public void Deep_nesting_and_many_tensors_stay_bounded()
    {
        Check(CheckpointFolder.Raw(string.Concat(Enumerable.Repeat("{\"a\":", 20000))));
        Check(CheckpointFolder.Raw(string.Concat(Enumerable.Repeat("[", 100000))));
        Check(CheckpointFolder.Raw("{\"a\":{\"shape\":[" + string.Concat(Enumerable.Repeat("1,", 100000)) + "1]}}"));
        string many = string.Join(',', Enumerable.Range(0, 20000).Select(i => $$"""
            "{{i}}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}
            """));
        Assert.That(Check(CheckpointFolder.Raw($"{{{many}}}")), Is.True);
    }

    private static string Replace(string text, string place, string junk)
    {
        int at = text.IndexOf(place, StringComparison.Ordinal);
        return at < 0 ? text : text[..at] + junk + text[(at + place.Length)..];
    }

    /// <summary>Opens the bytes as a file and, if that works, reads every byte of every tensor. Returns whether it opened.</summary>
    private bool Check(byte[] bytes)
    {
        string path = folder.Write("x.safetensors", bytes);
        Stopwatch watch = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool opened = false;
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            opened = true;
            long sum = 0;
            foreach (SafetensorsEntry entry in file.Entries)
            {
                if (entry.Type is not null)
                {
                    sum += Sum(file[entry.Name]);
                }
            }

            GC.KeepAlive(sum);
        }
        catch (ModelFormatException exception)
        {
            Assert.That(exception.Message, Does.StartWith(path));
            Assert.That(exception.Hint, Is.Not.Empty);
        }

        // A constant for the objects and the exception, and a multiple of the file for names and entries.
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.That(allocated, Is.LessThan((256 << 10) + (20L * bytes.Length)));
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
        return opened;
    }

    private static unsafe long Sum(Tensor tensor)
    {
        long sum = 0;
        byte* bytes = tensor.Pointer<byte>();
        for (long i = 0; i < tensor.Bytes; i++)
        {
            sum += bytes[i];
        }

        return sum;
    }
}
