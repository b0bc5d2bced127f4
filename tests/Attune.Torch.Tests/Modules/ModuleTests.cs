using Attune.Torch.Modules;
using Attune.Torch.Testing;

namespace Attune.Torch.Tests.Modules;

[NoTensorLeaks]
public sealed class ModuleTests
{
    [Fact]
    public void Copying_takes_every_value_into_memory_of_its_own()
    {
        using var scope = TensorScope.Begin();
        using var mine = new Bag().With("a", [0.0, 0]).With("b", [0.0]);
        using var theirs = new Bag().With("a", [1.0, 2]).With("b", [3.0]);
        mine.CopyFrom(theirs);
        theirs.Parameters.First().Value.CopyBytesFrom(new byte[16]);
        Assert.Equal([1.0, 2, 3], mine.Parameters.SelectMany(p => p.Value.ToDoubles()));
        Assert.Equal([0.0, 0, 3], theirs.Parameters.SelectMany(p => p.Value.ToDoubles()));
    }

    [Theory]
    [InlineData("fewer", "b [1] meets no further parameter")]
    [InlineData("more", "no further parameter meets c [1]")]
    [InlineData("other name", "b [1] meets c [1]")]
    [InlineData("broadcast", "a [2] meets a [1]")]
    public void Copying_between_modules_that_differ_is_refused_before_anything_is_copied(string difference, string expected)
    {
        using var scope = TensorScope.Begin();
        using var mine = new Bag().With("a", [0.0, 0]).With("b", [0.0]);
        using var theirs = difference switch
        {
            "fewer" => new Bag().With("a", [1.0, 2]),
            "more" => new Bag().With("a", [1.0, 2]).With("b", [3.0]).With("c", [4.0]),
            "other name" => new Bag().With("a", [1.0, 2]).With("c", [3.0]),
            _ => new Bag().With("a", [1.0]).With("b", [3.0]),
        };
        var error = Assert.Throws<ArgumentException>(() => mine.CopyFrom(theirs));
        Assert.Contains($"the modules differ: {expected}, expected the same names and shapes", error.Message);
        Assert.All(mine.Parameters, p => Assert.All(p.Value.ToDoubles(), v => Assert.Equal(0, v)));
    }

    [Fact]
    public void A_name_is_given_once_to_parameters_buffers_and_children_alike()
    {
        using var scope = TensorScope.Begin();
        using var module = new Bag().With("a", [1.0]).WithBuffer("b").With("child", new Bag().With("a", [2.0]));
        using var same = new Bag().With("a", [3.0]);
        using var other = new Bag().With("c", [3.0]).WithBuffer("b");
        var tensor = Tensor.Of([4.0]);

        Refused("Bag has 'a' already", () => module.With("a", tensor));
        Refused("Bag has 'b' already", () => module.With("b", tensor));
        Refused("Bag has 'a' already", () => module.WithBuffer("a"));
        Refused("Bag has 'child.a' already", () => module.With("child", same));
        Refused("Bag has 'a' already", () => module.With("", same)); // a child without a name adds its keys to ours
        Refused("Bag has 'b' already", () => module.With("", other));

        Assert.Equal(["a", "child.a"], module.NamedParameters().Select(p => p.Name));
        Assert.False(tensor.RequiresGrad); // nobody took it over
    }

    private static void Refused(string expected, Action action) => Assert.StartsWith(expected, Assert.Throws<ArgumentException>(action).Message);

    private sealed class Bag : Module
    {
        public Bag With(string name, double[] values) => With(name, Tensor.Of(values));

        public Bag With(string name, Tensor value)
        {
            Register(name, value);
            return this;
        }

        public Bag With(string name, Bag child)
        {
            Register(name, child);
            return this;
        }

        public Bag WithBuffer(string name)
        {
            RegisterBuffer(name, Tensor.Of([0.0]));
            return this;
        }
    }
}
